import { setTimeout as sleep } from 'node:timers/promises';
import { requirePrograms } from '../programs/ensure.ts';
import { freePort } from '../programs/ports.ts';
import { startProcess } from '../programs/process.ts';
import { openWorkspace } from '../programs/workspace.ts';
import type { Cluster } from './cluster.ts';

/** Nodes without a kubelet: the scheduler places pods on them, and none is started. */
export interface Nodes {
  /** Adds a node that is ready and stays so. */
  add(name: string): Promise<void>;
  /** The node dies: from now on no one hears of it. */
  kill(name: string): void;
  stop(): Promise<void>;
}

/** Milliseconds between two signs of life: a kubelet gives one every ten seconds. */
const HEARTBEAT_MS = 5_000;
const ROOM = { cpu: '4', memory: '8Gi', pods: '110' };

/** Starts a real scheduler for a cluster. */
export async function openNodes(cluster: Cluster): Promise<Nodes> {
  const { 'kube-scheduler': command } = await requirePrograms(['kube-scheduler']);
  const workspace = await openWorkspace('scheduler');
  const alive = new Set<string>();
  const stopped = new AbortController();
  const beat = async (name: string): Promise<void> => {
    const now = new Date().toISOString().replace(/\.\d+/, '');
    const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now };
    const status = { capacity: ROOM, allocatable: ROOM, conditions: [ready] };
    const patch = ['patch', 'node', name, '--subresource=status', '--type=strategic', '-p'];
    const { code, stderr } = await cluster.kubectl([...patch, JSON.stringify({ status })]);
    if (code !== 0) throw new Error(stderr);
  };
  const beating = (async () => {
    while (!stopped.signal.aborted) {
      await Promise.all([...alive].map((name) => beat(name).catch(() => undefined))); // tried again in a moment
      await sleep(HEARTBEAT_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  const port = await freePort();
  await startProcess({
    workspace,
    name: 'kube-scheduler',
    command,
    args: [
      `--kubeconfig=${cluster.kubeconfigPath}`,
      `--authentication-kubeconfig=${cluster.kubeconfigPath}`,
      `--authorization-kubeconfig=${cluster.kubeconfigPath}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${workspace.folder}`,
      '--leader-elect=false',
      '--profiling=false',
      '--v=1',
    ],
    // Its certificate is its own; whether it works is seen by the pods that it places.
    ready: () => Promise.resolve(true),
  });
  return {
    add: async (name) => {
      const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' };
      await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
      await beat(name);
      alive.add(name);
    },
    kill: (name) => {
      alive.delete(name);
    },
    stop: async () => {
      stopped.abort();
      await beating;
      await workspace.close();
    },
  };
}
