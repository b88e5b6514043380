import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CoreV1Api } from '@kubernetes/client-node';
import type { Cluster } from './cluster.ts';
import { tokenKubeconfig } from './pki.ts';
import { hasEnded, killAndWait, openWorkspace, type Workspace } from '../programs/workspace.ts';
import { PRODUCT } from '../programs/product.ts';

/** Milliseconds between two reads of the pods of a namespace. */
const LOOK_MS = 250;
/** Characters of a log that a pod reports of a container that failed, as kubelets do. */
const MESSAGE_CHARACTERS = 2_048;

/** One pod of a Job and the process in place of its container. */
export interface PlayedPod {
  readonly name: string;
  readonly job: string;
  readonly args: readonly string[];
  readonly ended: Promise<number>;
  log(): Promise<string>;
  /** SIGTERM, as a pod is evicted; the API server is notified how it ended. */
  evict(): Promise<number>;
  /** SIGKILL with its node: the API server receives no report. */
  lose(): Promise<void>;
}

/** Starts the commands of the pods of Jobs, on a cluster without nodes. */
export interface Kubelet {
  readonly pods: readonly PlayedPod[];
  /** A kubeconfig with a token of a ServiceAccount of the namespace. */
  login(serviceAccount: string): Promise<string>;
  stop(): Promise<void>;
}

interface PodSeen {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly containers: readonly {
      readonly args: readonly string[];
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
    }[];
    readonly volumes: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
  };
  readonly status: { readonly phase: string };
}

/**
 * Replaces the kubelet for the pods of runs in one namespace: starts their command with exactly their arguments, with a token of their
 * ServiceAccount that is bound to the pod, and reports to the API server how they end. The process of a deleted pod receives SIGTERM.
 */
export async function playKubelet(cluster: Cluster, namespace: string): Promise<Kubelet> {
  const workspace = await openWorkspace('kubelet');
  const playing = new Map<string, Playing>();
  const node: Node = { cluster, namespace, workspace };
  const look = async (): Promise<void> => {
    const pods = await podsIn(node);
    for (const pod of pods) {
      const { uid } = pod.metadata;
      if (!playing.has(uid) && pod.status.phase === 'Pending') playing.set(uid, await begin(node, pod));
    }
    const there = new Set(pods.filter(isStaying).map(({ metadata }) => metadata.uid));
    for (const [uid, { child }] of playing) if (!there.has(uid)) child.kill('SIGTERM');
  };
  const stopped = new AbortController();
  const looking = (async () => {
    while (!stopped.signal.aborted) {
      await look().catch(() => undefined); // read again in a moment
      await sleep(LOOK_MS);
    }
  })();
  return {
    get pods() {
      return [...playing.values()].map(({ pod }) => pod);
    },
    login: (serviceAccount) => login(node, serviceAccount, []),
    stop: async () => {
      stopped.abort();
      await looking;
      await workspace.close();
    },
  };
}

interface Node {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly workspace: Workspace;
}

interface Playing {
  readonly pod: PlayedPod;
  readonly child: ChildProcess;
}

function isStaying({ metadata }: PodSeen): boolean {
  return metadata.deletionTimestamp === undefined;
}

/** Asked several times a second, for which a program each time is too much. */
async function podsIn({ cluster, namespace }: Node): Promise<readonly PodSeen[]> {
  const api = cluster.client.makeApiClient(CoreV1Api);
  const { items } = await api.listNamespacedPod({ namespace, labelSelector: 'pratique.dev/run' });
  // The API server gives every pod what is optional in the type.
  return items as unknown as readonly PodSeen[];
}

async function begin(node: Node, pod: PodSeen): Promise<Playing> {
  const { workspace } = node;
  const { name, uid, labels } = pod.metadata;
  const bound = ['--bound-object-kind=Pod', `--bound-object-name=${name}`, `--bound-object-uid=${uid}`];
  const kubeconfig = await login(node, pod.spec.serviceAccountName, bound);
  const args = await withVolumes(node, pod);
  const logFile = join(workspace.folder, `${name}.log`);
  const log = await open(logFile, 'a');
  const child = spawn(process.execPath, [PRODUCT, ...args, '--kubeconfig', kubeconfig], {
    cwd: workspace.folder,
    env: { PATH: process.env.PATH, HOME: workspace.folder },
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  await once(child, 'spawn');
  workspace.adopt(child);
  await log.close();
  await refuseMount(node, name, { phase: 'Running' });
  let isLost = false;
  const read = (): Promise<string> => readFile(logFile, 'utf8');
  const ended = exitOf(child).then(async (code) => {
    // A pod that is deleted meanwhile needs no further report.
    if (!isLost) await refuseMount(node, name, endOf(code, await read())).catch(() => undefined);
    return code;
  });
  const played: PlayedPod = {
    name,
    job: labels['batch.kubernetes.io/job-name'] ?? '',
    args: pod.spec.containers[0]?.args ?? [],
    ended,
    log: read,
    evict: () => {
      child.kill('SIGTERM');
      return ended;
    },
    lose: () => {
      isLost = true;
      return killAndWait(child);
    },
  };
  return { pod: played, child };
}

async function exitOf(child: ChildProcess): Promise<number> {
  if (!hasEnded(child)) await once(child, 'exit');
  return child.exitCode ?? 137;
}

function endOf(exitCode: number, log: string): object {
  const terminated = {
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    // As `FallbackToLogsOnError` defines.
    ...(exitCode !== 0 && { message: log.slice(-MESSAGE_CHARACTERS) }),
  };
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    containerStatuses: [
      {
        name: 'run',
        image: 'run',
        imageID: '',
        ready: false,
        started: false,
        restartCount: 0,
        state: { terminated },
        lastState: {},
      },
    ],
  };
}

async function refuseMount({ cluster, namespace }: Node, pod: string, status: object): Promise<void> {
  const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
  await kubectl(cluster, ['patch', 'pod', pod, '-n', namespace, ...patch]);
}

async function login(
  { cluster, namespace, workspace }: Node,
  serviceAccount: string,
  bound: readonly string[],
): Promise<string> {
  const token = await kubectl(cluster, ['create', 'token', serviceAccount, '-n', namespace, ...bound]);
  const path = join(workspace.folder, `${serviceAccount}-${String(performance.now())}.kubeconfig`);
  await writeFile(path, tokenKubeconfig(cluster.server, cluster.caPem, token.trim()), { mode: 0o600 });
  return path;
}

/** The arguments, with the paths at which ConfigMaps are mounted here in place of those in the pod. */
async function withVolumes(node: Node, { metadata, spec }: PodSeen): Promise<readonly string[]> {
  const [container] = spec.containers;
  let args = container?.args ?? [];
  for (const { name, configMap } of spec.volumes) {
    const mountPath = container?.volumeMounts.find((mount) => mount.name === name)?.mountPath;
    if (!configMap || mountPath === undefined) continue;
    const folder = join(node.workspace.folder, `${metadata.name}-${name}`);
    await mkdir(folder);
    const read = ['get', 'configmap', configMap.name, '-n', node.namespace, '-o', 'json'];
    const { data } = JSON.parse(await kubectl(node.cluster, read)) as {
      data: Readonly<Record<string, string>>;
    };
    for (const [file, content] of Object.entries(data)) await writeFile(join(folder, file), content);
    args = args.map((arg) => arg.replace(mountPath, folder));
  }
  return args;
}

async function kubectl(cluster: Cluster, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}
