import type { Cluster } from '../../../clients/kubernetes/index.ts';
import { Fault, type Reason } from '../../../core/model/index.ts';
import { RESOURCES } from '../../../core/workload/index.ts';
import type { RunJob, RunObject, Executions } from '../ports.ts';

/** The settings of the Jobs of runs. */
export interface JobTemplate extends PodTemplate {
  /** Milliseconds after which Kubernetes ends the Job: longer than the run itself takes. */
  readonly deadlineMs: number;
}

/** The next action so that a run is executed by a Job. */
type JobNeed =
  | { readonly what: 'create'; readonly name: string }
  /** A Job is running, or about to run. */
  | { readonly what: 'wait' }
  /** Too many Jobs ended before the run did; this is the last one. */
  | { readonly what: 'give up'; readonly last: string };

/** Label of a Job with the name of its run. */
export const RUN_LABEL = 'pratique.dev/run';
/** Most Jobs of one run: the first one, and a few more for those that are lost with their node. */
const MAX_JOBS = 5;

/** The names that Jobs of a run can have, in the order in which they are used. Every decision of a person needs one more Job. */
export function jobNames({ metadata: { name }, status }: RunObject): readonly string[] {
  const most = MAX_JOBS + (status?.considered?.length ?? 0);
  return Array.from({ length: most }, (_, index) => `${name}-${String(index + 1)}`);
}

/**
 * Decides whether a run needs a Job. `waitMs` is the time until its lease expires. A Job whose lease has expired counts as
 * dead, whatever its pod reports: the next Job takes over, and the lease prevents that both write.
 */
export function jobNeed(run: RunObject, jobs: readonly RunJob[], waitMs: number): JobNeed {
  if (waitMs > 0) return { what: 'wait' };
  const holder = run.status?.claim?.holder ?? '';
  const alive = jobs.some((job) => !job.over && !holder.startsWith(`${job.name}/`));
  if (alive) return { what: 'wait' };
  const names = jobNames(run);
  // A name is not used again when its Job was deleted.
  const used = names.findLastIndex((name) => jobs.some((job) => job.name === name)) + 1;
  const next = names[used];
  return next === undefined ? { what: 'give up', last: names.at(-1) ?? '' } : { what: 'create', name: next };
}

/** A Job that executes a run once: owned by the run, tried once, with no privileges on the host. */
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

/**
 * Also checks that a namespace is prepared for Jobs before a run starts there. A missing object is reported in the promotion,
 * and no Job is created whose pod could never start.
 */
export function checkedForJobs(
  executions: Executions,
  cluster: Pick<Cluster, 'get' | 'list'>,
  serviceAccountName: string,
): Executions {
  const objection = async (namespace: string, signal: AbortSignal): Promise<Reason | undefined> => {
    try {
      await cluster.list({ resource: RESOURCES.jobs, namespace }, { limit: 1 }, signal);
      const account = { resource: RESOURCES.serviceAccounts, namespace, name: serviceAccountName };
      if (await cluster.get(account, signal)) return undefined;
      const detail = `there is no ServiceAccount ${serviceAccountName} in namespace ${namespace}, by which its Jobs would run`;
      return { code: 'ClusterDenied', detail };
    } catch (error) {
      if (!(error instanceof Fault) || error.transient) throw error;
      return { code: error.code, detail: error.message };
    }
  };
  return {
    ...executions,
    check: async (subject, signal) =>
      (await objection(subject.namespace, signal)) ?? (await executions.check(subject, signal)),
  };
}

/** The settings of the pods of Jobs. */
interface PodTemplate {
  readonly image: string;
  readonly serviceAccountName: string;
  /** The namespace of the installation: it holds the keys that policies name. */
  readonly installation: string;
  readonly resources: Readonly<Record<string, unknown>>;
  /** A ConfigMap of the namespace of the run, with settings under the key `settings.yaml`. */
  readonly settingsConfigMap?: string | undefined;
  /** An image with Trivy, and the path in it; absent = the image of the pod has Trivy, or nothing is scanned. */
  readonly scanner?: { readonly image: string; readonly path: string } | undefined;
}

/** The writable volume: the scanner unpacks layers there, and keeps its databases. */
const SCRATCH = '/tmp';
const NON_ROOT_USER = 65_532;
const SETTINGS = '/etc/pratique';
const TRIVY = '/opt/trivy';
/** The `PATH` of our image, followed by the folder of the scanner. */
const SEARCH_PATH = `/nodejs/bin:/usr/local/bin:/usr/bin:/bin:${TRIVY}`;
/** The fields that the profile `restricted` of Pod Security requires of every container. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};
/** A copy of one file. */
const COPYING = { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '128Mi' } };

/** A volume of the pod, and where the run sees it. */
interface Mounted {
  readonly name: string;
  readonly source: object;
  readonly mountPath: string;
  readonly readOnly?: true;
}

/** The pod of a Job for a run: not root, with no privileges on the host, and one writable volume. */
export function podOf(
  { namespace, name }: RunObject['metadata'],
  job: string,
  { image, serviceAccountName, resources, settingsConfigMap, installation, scanner }: PodTemplate,
): object {
  const settings = settingsConfigMap === undefined ? [] : [settingsFrom(settingsConfigMap)];
  const trivy: Mounted = { name: 'trivy', source: { emptyDir: {} }, mountPath: TRIVY, readOnly: true };
  const volumes: readonly Mounted[] = [
    { name: 'scratch', source: { emptyDir: {} }, mountPath: SCRATCH },
    ...settings,
    ...(scanner ? [trivy] : []),
  ];
  const args = ['run', name, '--namespace', namespace, '--holder', job, '--installation', installation];
  if (settingsConfigMap !== undefined) args.push('--settings', `${SETTINGS}/settings.yaml`);
  return {
    restartPolicy: 'Never',
    serviceAccountName,
    automountServiceAccountToken: true,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: NON_ROOT_USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(scanner && { initContainers: [copyOf(scanner)] }),
    containers: [
      {
        ...{ name: 'run', image, args, resources, ...(scanner && { env: SCANNING }) },
        // The last message of the process is in the status of its pod.
        terminationMessagePolicy: 'FallbackToLogsOnError',
        securityContext: RESTRICTED,
        volumeMounts: volumes.map(({ source: _, ...mount }) => mount),
      },
    ],
    volumes: volumes.map(({ name: volume, source }) => ({ name: volume, ...source })),
  };
}

/** Trivy is found by its name, and keeps its databases in the writable volume. */
const SCANNING = [
  { name: 'PATH', value: SEARCH_PATH },
  { name: 'XDG_CACHE_HOME', value: SCRATCH },
];

function settingsFrom(name: string): Mounted {
  return { name: 'settings', source: { configMap: { name } }, mountPath: SETTINGS, readOnly: true };
}

function copyOf({ image, path }: NonNullable<PodTemplate['scanner']>): object {
  return {
    name: 'trivy',
    image,
    command: ['cp', path, `${TRIVY}/trivy`],
    resources: COPYING,
    securityContext: RESTRICTED,
    volumeMounts: [{ name: 'trivy', mountPath: TRIVY }],
  };
}
