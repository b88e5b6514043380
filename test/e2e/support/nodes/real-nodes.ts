import { access, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { startCluster, type Cluster } from '../cluster/cluster.ts';
import { openNodes } from '../cluster/nodes.ts';
import { runCommand, succeed, type Outcome } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';
import { startProcess } from '../programs/process.ts';
import { openWorkspace, type Workspace } from '../programs/workspace.ts';
import { startOlareg, type Registry } from '../promotions/registries.ts';
import { until } from '../wait.ts';
import { CONTROL_PLANE, REGISTRY_NAME, writeNodeFiles, type NodeContext } from './node-files.ts';
import { pushPause } from './program-images.ts';

/** What a node keeps running. */
export type NodeProgram = 'containerd' | 'kubelet' | 'kube-proxy';

/** A node with a kubelet, in namespaces of its own. */
export interface RealNode {
  readonly name: string;
  /** Runs a program in the namespaces of the node. */
  run(command: string, ...args: readonly string[]): Promise<Outcome>;
  /** Ends one of its programs by SIGKILL; it is started again, as by an init system. */
  killProgram(program: NodeProgram): Promise<void>;
  /** The machine is gone: all its processes and its network, at once. */
  die(): Promise<void>;
}

/** A cluster with nodes, and a registry that they and their pods reach by its name. */
export interface RealNodes {
  readonly cluster: Cluster;
  readonly registry: Registry;
  readonly nodes: readonly RealNode[];
  stop(): Promise<void>;
}

export const CLUSTER_DNS = '10.0.0.10';
const SERVICES = '10.0.0.0/24';
export const REGISTRY_PORT = 5_000;
const NAMES = ['node1', 'node2'] as const;
/** A kubelet is Ready some ten seconds after its start; more is for a busy machine. */
const READY_WITHIN_MS = 90_000;

/** What differs between clusters. */
export interface NodesOptions {
  /** How many there are; all of them when not given. */
  readonly count?: number;
  /** Where containerd pulls images of further registries from. */
  readonly places?: NodeContext['places'];
}

/** Starts a control plane, a scheduler, a registry and two nodes, and returns when the nodes are Ready. */
export async function startRealNodes({
  count = NAMES.length,
  places = {},
}: NodesOptions = {}): Promise<RealNodes> {
  const workspace = await openWorkspace('nodes');
  const started: { stop(): Promise<unknown> }[] = [{ stop: () => workspace.close() }];
  const keep = async <T extends { stop(): Promise<unknown> }>(start: Promise<T>): Promise<T> => {
    const running = await start;
    started.unshift(running);
    return running;
  };
  const stop = async (): Promise<void> => {
    for (const one of started) await one.stop();
  };
  try {
    await makeNetworks();
    const [registry, cluster] = await Promise.all([
      keep(startOlareg({ name: REGISTRY_NAME, port: REGISTRY_PORT })),
      keep(startCluster({ address: CONTROL_PLANE })),
    ]);
    const [pauseImage] = await Promise.all([pushPause(registry.host), keep(openNodes(cluster))]);
    const around: NodeContext = {
      registry: registry.host,
      places,
      pauseImage,
      caPem: cluster.caPem,
      clusterDns: CLUSTER_DNS,
      kubeconfigOf: cluster.kubeconfigOf,
    };
    const names = NAMES.slice(0, count);
    const nodes = await Promise.all(names.map((_, index) => startNode(workspace, index, around)));
    await untilReady(cluster, names.length);
    return { cluster, registry, nodes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Of a node, from 0: its address, that of its pods, and the name of its network where it has one of its own. */
function placeOf(index: number): { readonly address: string; readonly podSubnet: string } {
  const number = String(index + 1);
  return { address: CONTROL_PLANE.replace(/\d+$/, number), podSubnet: `10.244.${number}.0/24` };
}

/** A bridge, at which the first node is, as nodes of control planes are, and a network for each other node with a cable to it. */
async function makeNetworks(): Promise<void> {
  const ip = (line: string): Promise<string> => succeed({ command: 'ip', args: line.split(' ') });
  // Addresses of Services: any route will do, because kube-proxy rewrites them.
  const routesOf = (own: number, device: string): readonly string[] => [
    `route add ${SERVICES} dev ${device}`,
    ...NAMES.map((_, other) => placeOf(other))
      .filter((_, other) => other !== own)
      .map(({ podSubnet, address }) => `route add ${podSubnet} via ${address}`),
  ];
  await ip('link add br0 type bridge');
  await ip(`addr add ${CONTROL_PLANE}/24 dev br0`);
  await ip('link set br0 up');
  for (const line of routesOf(0, 'br0')) await ip(line);
  for (const [index, name] of NAMES.entries()) {
    if (index === 0) continue;
    await ip(`netns add ${name}`);
    await ip(`link add to-${name} type veth peer name eth0 netns ${name}`);
    await ip(`link set to-${name} master br0 up`);
    const own = ['link set lo up', `addr add ${placeOf(index).address}/24 dev eth0`, 'link set eth0 up'];
    for (const line of [...own, ...routesOf(index, 'eth0')]) await ip(`-n ${name} ${line}`);
  }
}

async function startNode(workspace: Workspace, index: number, around: NodeContext): Promise<RealNode> {
  const name = NAMES[index] ?? '';
  const plan = { name, folder: join(workspace.folder, name), ...placeOf(index) };
  await mkdir(plan.folder);
  await writeNodeFiles(plan, around);
  const programs = await requirePrograms(['kubelet', 'containerd']);
  const folders = Object.values(programs).map((path) => dirname(path));
  const script = [join(import.meta.dirname, 'node.sh'), name, plan.address, plan.folder];
  const network = index === 0 ? [] : ['nsenter', `--net=/run/netns/${name}`];
  const [command = '', ...args] = [...network, 'bash', ...script];
  const { pid, kill } = await startProcess({
    workspace,
    name,
    command,
    args,
    env: { PATH: [...folders, process.env.PATH].join(':') },
    ready: () => access(join(plan.folder, 'prepared')).then(() => true),
  });
  const init = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
  const run = (program: string, ...more: readonly string[]): Promise<Outcome> =>
    runCommand({
      command: 'nsenter',
      args: ['-t', init, '--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--', program, ...more],
    });
  return {
    name,
    run,
    killProgram: async (program) => {
      const running = (await readFile(join(plan.folder, `${program}.pid`), 'utf8')).trim();
      const { code, stderr } = await run('kill', '-KILL', running);
      if (code !== 0) throw new Error(stderr);
    },
    die: async () => {
      await succeed({ command: 'ip', args: ['link', 'del', `to-${name}`] });
      await kill();
    },
  };
}

async function untilReady(cluster: Cluster, count: number): Promise<void> {
  await until({
    what: `${String(count)} nodes Ready`,
    withinMs: READY_WITHIN_MS,
    everyMs: 250,
    check: async () => {
      const path = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
      const { stdout } = await cluster.kubectl(['get', 'nodes', '-o', `jsonpath=${path}`]);
      return stdout === new Array<string>(count).fill('True').join(' ');
    },
  });
}
