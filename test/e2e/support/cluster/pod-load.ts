import { CoreV1Api, ApiException } from '@kubernetes/client-node';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';

/** Milliseconds that each worker of a load pauses after a pod: four of them create some ten pods a second, one in every tenth of a second. */
const PAUSE_MS = 300;

/** The result of the creation of one pod. */
export interface Attempt {
  readonly name: string;
  readonly image: string;
  readonly admitted: boolean;
  /** Refused by a verdict; every other pod that is not admitted was not judged. */
  readonly judged: boolean;
  readonly message: string;
}

/** Creates one pod and returns the result; never throws for an answer. */
export async function createPod(cluster: Cluster, name: string, image: string): Promise<Attempt> {
  const api = cluster.client.makeApiClient(CoreV1Api);
  const body = { metadata: { name }, spec: { containers: [{ name: 'main', image }] } };
  try {
    await api.createNamespacedPod({ namespace: 'shop', body });
    return { name, image, admitted: true, judged: true, message: '' };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const judged = error instanceof ApiException && message.includes('images refused');
    return { name, image, admitted: false, judged, message };
  }
}

/** A load that continues until it is stopped. */
export interface Load {
  readonly attempts: readonly Attempt[];
  stop(): Promise<void>;
}

/** Creates pods of these images in turn, a few at a time, until it is stopped. */
export function startLoad(cluster: Cluster, prefix: string, images: readonly string[], parallel = 4): Load {
  const attempts: Attempt[] = [];
  let going = true;
  let count = 0;
  const worker = async (_: unknown, place: number): Promise<void> => {
    await sleep((PAUSE_MS * place) / parallel); // not all at the same moment
    while (going) {
      const index = count++;
      const image = images[index % images.length] ?? '';
      attempts.push(await createPod(cluster, `${prefix}-${index}`, image));
      await sleep(PAUSE_MS);
    }
  };
  const workers = Array.from({ length: parallel }, worker);
  return {
    attempts,
    stop: async () => {
      going = false;
      await Promise.all(workers);
    },
  };
}
