import type { RunJob, RunObject } from './ports.ts';

/** How the Jobs of runs look. */
export interface JobTemplate {
  readonly image: string;
  readonly serviceAccountName: string;
  /** Where Pratique is installed: there are the keys that policies name. */
  readonly installation: string;
  readonly resources: Readonly<Record<string, unknown>>;
  /** A ConfigMap of the namespace of the run, with settings under the key `settings.yaml`. */
  readonly settingsConfigMap?: string | undefined;
  /** Milliseconds after which Kubernetes ends the Job: longer than the run itself takes. */
  readonly deadlineMs: number;
}

/** What is to be done so that a run is carried out by a Job. */
export type JobNeed =
  | { readonly what: 'create'; readonly name: string }
  /** One is at work, or about to be. */
  | { readonly what: 'wait' }
  /** Too many ended without ending the run, this one at last. */
  | { readonly what: 'give up'; readonly last: string };

/** Label of a Job with the name of its run. */
export const RUN_LABEL = 'pratique.dev/run';
/** Jobs that one run may use up: the first one, and a few that a node takes down with it. */
const MAX_JOBS = 5;
/** What a process needs to write: the scanner unpacks layers there. */
const SCRATCH = '/tmp';
const NOBODY = 65_532;
const SETTINGS = '/etc/pratique';

/**
 * Decides whether a run needs a Job, `waitMs` being how long its claim has to be waited out. A Job that holds a claim which has
 * run out is as good as dead, whatever its pod says: the next one takes over, and the claim keeps the two apart.
 */
export function jobNeed(
  { metadata: { name }, status }: RunObject,
  jobs: readonly RunJob[],
  waitMs: number,
): JobNeed {
  if (waitMs > 0) return { what: 'wait' };
  const holder = status?.claim?.holder ?? '';
  const alive = jobs.some((job) => !job.over && !holder.startsWith(`${job.name}/`));
  if (alive) return { what: 'wait' };
  const numbers = jobs.map((job) => Number(job.name.slice(job.name.lastIndexOf('-') + 1)) || 0);
  const newest = Math.max(0, ...numbers);
  // Every decision of a person takes one more.
  const most = MAX_JOBS + (status?.considered?.length ?? 0);
  if (jobs.length >= most) return { what: 'give up', last: `${name}-${String(newest)}` };
  return { what: 'create', name: `${name}-${String(newest + 1)}` };
}

/** A Job that carries out a run once: owned by it, tried once, with no right of the host. */
export function jobObject(
  { apiVersion, kind, metadata }: RunObject,
  name: string,
  template: JobTemplate,
): object {
  const { namespace, uid, name: run } = metadata;
  const labels = { [RUN_LABEL]: run };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace,
      labels,
      ownerReferences: [{ apiVersion, kind, name: run, uid, controller: true, blockOwnerDeletion: false }],
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: Math.ceil(template.deadlineMs / 1_000),
      template: { metadata: { labels }, spec: podOf(metadata, name, template) },
    },
  };
}

function podOf({ namespace, name }: RunObject['metadata'], job: string, template: JobTemplate): object {
  const { image, serviceAccountName, resources, settingsConfigMap, installation } = template;
  const settings = settingsConfigMap === undefined ? [] : ['--settings', `${SETTINGS}/settings.yaml`];
  const configMap =
    settingsConfigMap === undefined ? [] : [{ name: 'settings', configMap: { name: settingsConfigMap } }];
  return {
    restartPolicy: 'Never',
    serviceAccountName,
    automountServiceAccountToken: true,
    securityContext: { runAsNonRoot: true, runAsUser: NOBODY, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'run',
        image,
        args: [
          'run',
          name,
          '--namespace',
          namespace,
          '--holder',
          job,
          '--installation',
          installation,
          ...settings,
        ],
        resources,
        // What it said at last is told by its pod.
        terminationMessagePolicy: 'FallbackToLogsOnError',
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'scratch', mountPath: SCRATCH },
          ...configMap.map((volume) => ({ name: volume.name, mountPath: SETTINGS, readOnly: true })),
        ],
      },
    ],
    volumes: [{ name: 'scratch', emptyDir: {} }, ...configMap],
  };
}
