import { readFile } from 'node:fs/promises';
import { pushImage, type Pushed, type Target } from '../../../support/registry/push.ts';
import { openAuditLog, type AuditLog } from '../cluster/audit-log.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { openClusterFixture, type ClusterFixture } from '../cluster/cluster-fixture.ts';
import { playKubelet, type Kubelet, type PlayedPod } from '../cluster/kubelet.ts';
import { policy } from '../installation/policies.ts';
import { NAMESPACE, openPromotions, type Promotions, type RunSeen } from './promotions.ts';
import { until } from '../wait.ts';
import { openWorkspace } from '../programs/workspace.ts';

/** The account as which Jobs run. */
export const ACCOUNT = 'promotion-runs';
/** Users as the API server knows them: the account, and the controller. */
export const JOBS = `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`;
export const CONTROLLER = 'system:serviceaccount:pratique:pratique';
/** The image of the Jobs. */
export const IMAGE_NAME = 'registry.example.com/pratique';
export const IMAGE = `${IMAGE_NAME}:1`;
/** The claim of a killed Job must expire first, for the leader and then for the next Job, which checks every ten seconds. */
export const TAKEN_OVER_WITHIN_MS = 150_000;
const LOOK_MS = 300;
const GRANTED_WITHIN_MS = 30_000;
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };

/** A cluster in which each run is carried out by a Job. */
export interface JobFixture {
  readonly fixture: ClusterFixture;
  readonly flow: Promotions;
  readonly kubelet: Kubelet;
  readonly log: AuditLog;
  /** A repository, as the helpers of registries want it and as promotions do; of the registry of the fixture unless another is named. */
  place(path: string, registry?: string): Target;
  at(path: string, registry?: string): { readonly repository: string };
  push(path: string, tag: string, registry?: string): Promise<Pushed>;
  /** Lets the account read one Secret of its namespace. */
  allowToRead(secret: string): Promise<void>;
  /** The only run of a promotion. */
  onlyRunOf(promotion: string): Promise<RunSeen>;
  podsOf(run: RunSeen): readonly PlayedPod[];
  /** A pod of the only run of a promotion, in the order in which they began; waits for it. */
  podOf(promotion: string, index?: number): Promise<PlayedPod>;
  stop(): Promise<void>;
}

/** Waits until a new right is in force at the API server: earlier requests are refused. */
export function untilAllowed(
  cluster: Cluster,
  right: {
    readonly who: string;
    readonly namespace: string;
    readonly what: readonly [verb: string, resource: string];
  },
): Promise<void> {
  const { who, namespace, what } = right;
  return until({
    what: `${who} may ${what.join(' ')}`,
    withinMs: GRANTED_WITHIN_MS,
    everyMs: LOOK_MS,
    check: async () =>
      (await cluster.kubectl(['-n', namespace, 'auth', 'can-i', ...what, `--as=${who}`])).code === 0,
  });
}

/** Opens a fixture: the chart in Job mode, a namespace for Jobs that admits only restricted pods, and a stand-in for its kubelet. */
export async function openJobFixture(): Promise<JobFixture> {
  const workspace = await openWorkspace('jobs');
  const log = await openAuditLog(workspace);
  const fixture = await openClusterFixture({
    cluster: { apiserverArgs: log.apiserverArgs },
    replicas: 1,
    prepare: (cluster) => cluster.createNamespace(NAMESPACE, RESTRICTED),
    values: {
      promotions: { jobs: { namespaces: [NAMESPACE], policySecrets: ['release-key', 'security-key'] } },
      settings: {
        promotions: {
          execution: 'Job',
          maxConcurrentRuns: 4,
          jobTemplate: {
            image: IMAGE,
            serviceAccountName: ACCOUNT,
            settingsConfigMap: 'run-settings',
            // Additional containers must comply with `restricted` as well.
            scanner: { image: IMAGE },
          },
        },
      },
    },
  });
  const { cluster, registry, keys } = fixture;
  const flow = await openPromotions(fixture, { madeBefore: true });
  const kubelet = await playKubelet(cluster, NAMESPACE);
  const allowToRead = async (secret: string): Promise<void> => {
    const role = `reads-${secret}`;
    await flow.kubectl(
      'create',
      'role',
      role,
      '--verb=get',
      '--resource=secrets',
      `--resource-name=${secret}`,
    );
    const account = `--serviceaccount=${NAMESPACE}:${ACCOUNT}`;
    await flow.kubectl('create', 'rolebinding', role, `--role=${role}`, account);
    await untilAllowed(cluster, { who: JOBS, namespace: NAMESPACE, what: ['get', `secrets/${secret}`] });
  };
  await flow.kubectl('create', 'serviceaccount', ACCOUNT);
  const settings = '--from-literal=settings.yaml=scanner: { offline: true }';
  await flow.kubectl('create', 'configmap', 'run-settings', settings);
  await allowToRead('cosign-key');
  await flow.secret('cosign-key', {
    'cosign.key': await readFile(keys.release.privateKey, 'utf8'),
    'cosign.password': '',
  });
  const signedBy = (name: string) => ({ require: { signatures: { from: [name] } } });
  await cluster.apply(policy('golden', `${registry.host}/flow/golden/**`, signedBy('release')));
  await cluster.apply(policy('candidates', `${registry.host}/flow/quarantine/**`, signedBy('security')));

  const place = (path: string, host = registry.host): Target => ({ registry: host, repository: path });
  const podsOf = (run: RunSeen): readonly PlayedPod[] =>
    kubelet.pods.filter(({ args }) => args[1] === run.metadata.name);
  const onlyRunOf = async (name: string): Promise<RunSeen> => {
    const [run, ...others] = await flow.runsOf(name);
    if (!run) throw new Error(`${name} has no run`);
    if (others.length > 0) throw new Error(`${name} has ${String(others.length + 1)} runs`);
    return run;
  };
  return {
    fixture,
    flow,
    kubelet,
    log,
    place,
    at: (path, host = registry.host) => ({ repository: `${host}/${path}` }),
    push: (path, tag, host) => pushImage({ ...place(path, host), tag }, { salt: path + tag }),
    allowToRead,
    onlyRunOf,
    podsOf,
    podOf: async (promotion, index = 0) => {
      const pods = async () => podsOf(await onlyRunOf(promotion));
      await until({
        what: `pod ${String(index + 1)} of ${promotion}`,
        withinMs: TAKEN_OVER_WITHIN_MS,
        everyMs: LOOK_MS,
        check: async () => (await pods()).length > index,
      });
      const pod = (await pods())[index];
      if (!pod) throw new Error('it came and went');
      return pod;
    },
    stop: async () => {
      await kubelet.stop();
      await fixture.stop();
      await workspace.close();
    },
  };
}
