import { digestOf } from '../../../src/core/model/index.ts';
import { podSelector } from '../../../src/controllers/audit/running-pods.ts';
import type { KubeObject } from '../../../src/clients/kubernetes/index.ts';
import type { RunningPod } from '../../../src/controllers/audit/running-pods.ts';

/** A pod as a test writes it. */
export interface WrittenPod {
  readonly name?: string;
  readonly namespace?: string;
  readonly phase?: string;
  readonly serviceAccount?: string;
  readonly pullSecrets?: readonly string[];
  /** Reference in the spec → `imageID` of the status; empty = not started. */
  readonly images?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly status?: object;
}

/** The name and digest that a node reports for content. */
export function ran(name: string, content = name): string {
  return `${name}@${digestOf(content)}`;
}

/** A pod as the API server has it. */
export function podObject(written: WrittenPod = {}): KubeObject {
  const { name = 'web-1', namespace = 'shop', phase = 'Running', images = WEB } = written;
  const { serviceAccount = 'default', pullSecrets = [] } = written;
  const all = Object.entries(images).map(([image, imageID], index) => ({
    name: `c${index}`,
    image,
    imageID,
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid: `uid-${namespace}-${name}` },
    spec: {
      serviceAccountName: serviceAccount,
      imagePullSecrets: pullSecrets.map((secret) => ({ name: secret })),
      containers: all.map(({ name: container, image }) => ({ name: container, image })),
      ...written.spec,
    },
    status: {
      phase,
      containerStatuses: all.map(({ name: container, imageID }) => ({ name: container, imageID })),
      ...written.status,
    },
  };
}

const NAME = 'registry.example.com/shop/web';
const WEB: Readonly<Record<string, string>> = { [`${NAME}:1.4.0`]: ran(NAME) };

const select = podSelector();

/** A pod as a cache keeps it. */
export function pod(written: WrittenPod = {}): RunningPod {
  const selected = select(podObject(written));
  if (!selected) throw new Error('the pod has finished');
  return selected;
}
