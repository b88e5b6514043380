import { expect } from 'chai';
import type { Cluster } from './cluster.ts';
import { pod } from '../workload-objects.ts';

/** The node of running pods, without a kubelet. */
const NODE = 'node-1';

/** The fields of an event that tests read. */
export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
  readonly action: string;
  readonly regarding: { readonly kind: string; readonly name: string };
}

/** Pods that run, as far as a control plane without nodes can know. */
export interface RunningPods {
  /**
   * Creates a pod and writes the status of a running pod: it runs this image ID, by default the image, which
   * then has a digest. `more` is added to its spec.
   */
  start(name: string, image: string, imageID?: string, more?: object): Promise<void>;
  remove(name: string): Promise<void>;
  /** Events about a pod, by `events.k8s.io`, in the order of their creation. */
  events(name: string): Promise<readonly PodEvent[]>;
}

/** Makes the node; the control plane soon removes pods on an unknown node. */
export async function openRunningPods(cluster: Cluster, namespace: string): Promise<RunningPods> {
  await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  const kubectl = async (args: readonly string[], input?: object): Promise<string> => {
    const given = input === undefined ? {} : { input: JSON.stringify(input) };
    const { code, stdout, stderr } = await cluster.kubectl(['-n', namespace, ...args], given);
    expect(code, stderr).to.equal(0);
    return stdout;
  };
  return {
    start: async (name, image, imageID = image, more = {}) => {
      const object = pod(name, image);
      const spec = { ...(object.spec as object), nodeName: NODE, ...more };
      await kubectl(['create', '-f', '-'], { ...object, spec });
      const now = new Date().toISOString();
      const ran = { name: 'web', image, imageID, ready: true, restartCount: 0, started: true };
      const containerStatuses = [{ ...ran, state: { running: { startedAt: now } } }];
      const status = JSON.stringify({ status: { phase: 'Running', startTime: now, containerStatuses } });
      await kubectl(['patch', `pod/${name}`, '--subresource=status', '--type=merge', '-p', status]);
    },
    remove: async (name) => {
      // No kubelet is there that would end it gracefully.
      await kubectl(['delete', `pod/${name}`, '--grace-period=0', '--force']);
    },
    events: async (name) => {
      const listed = await kubectl(['get', 'events.events.k8s.io', '-o', 'json']);
      const { items } = JSON.parse(listed) as {
        items: readonly (PodEvent & { readonly eventTime: string })[];
      };
      return items
        .filter(({ regarding }) => regarding.kind === 'Pod' && regarding.name === name)
        .toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1));
    },
  };
}
