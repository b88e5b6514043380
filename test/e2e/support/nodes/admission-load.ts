import { ApiException, CoreV1Api } from '@kubernetes/client-node';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster/cluster.ts';
import { until } from '../wait.ts';

/** The answer to the creation of one pod. */
export interface Answer {
  /** When it was asked for, in milliseconds of `performance.now()`. */
  readonly at: number;
  readonly signed: boolean;
  /** A signed pod was admitted, an unsigned one refused by a verdict: `right`. Not judged, or judged to the harm of the user: `lost`. */
  readonly result: 'right' | 'lost' | 'wrongly admitted';
  readonly message: string;
}

/** Pods that are created at a steady pace, whatever becomes of the earlier ones. */
export interface AdmissionLoad {
  readonly answers: readonly Answer[];
  /** Ends it, and returns when all are answered and the pods are gone. */
  stop(): Promise<void>;
}

/** Signed and unsigned in turn, this many milliseconds apart: eight a second, so that a gap of half a second shows. */
const EVERY_MS = 125;
/** The API server waits ten seconds for a webhook, and has more than one to ask. */
const ANSWERED_WITHIN_MS = 40_000;

/** Starts a load; the pods have a label with its name and are for no node: that many running pods would be another test. */
export function startAdmissionLoad(
  cluster: Cluster,
  given: {
    readonly name: string;
    readonly namespace: string;
    readonly signed: string;
    readonly unsigned: string;
  },
): AdmissionLoad {
  const { name, namespace } = given;
  const api = cluster.client.makeApiClient(CoreV1Api);
  const answers: Answer[] = [];
  const open = new Set<Promise<void>>();
  const stopped = new AbortController();
  const create = async (number: number): Promise<void> => {
    const signed = number % 2 === 0;
    const at = performance.now();
    const body = {
      metadata: { name: `${name}-${String(number)}`, labels: { load: name } },
      spec: {
        nodeSelector: { 'pratique.dev/none': 'none' },
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: signed ? given.signed : given.unsigned }],
      },
    };
    const said = await api.createNamespacedPod({ namespace, body }).then(
      () => undefined,
      (error: unknown) => error,
    );
    answers.push({ at, signed, ...resultOf(signed, said) });
  };
  const going = (async () => {
    const began = performance.now();
    for (let number = 0; !stopped.signal.aborted; number += 1) {
      const one = create(number).finally(() => open.delete(one));
      open.add(one);
      const pause = Math.max(0, began + (number + 1) * EVERY_MS - performance.now());
      await sleep(pause, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    answers,
    stop: async () => {
      stopped.abort();
      await going;
      await until({
        what: 'answers to all pods',
        withinMs: ANSWERED_WITHIN_MS,
        check: () => Promise.resolve(open.size === 0),
      });
      await api.deleteCollectionNamespacedPod({
        namespace,
        labelSelector: `load=${name}`,
        gracePeriodSeconds: 0,
      });
    },
  };
}

function resultOf(signed: boolean, error: unknown): Pick<Answer, 'result' | 'message'> {
  if (error === undefined) return { result: signed ? 'right' : 'wrongly admitted', message: '' };
  const message = messageOf(error);
  const judged = error instanceof ApiException && message.includes('Unsigned');
  return { result: !signed && judged ? 'right' : 'lost', message };
}

/** What the API server said, in its own words, without the secret in the path of the webhook. */
function messageOf(error: unknown): string {
  const text =
    error instanceof ApiException ? String(error.body) : error instanceof Error ? error.message : 'no answer';
  const said = /"message":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text;
  return said.replaceAll(/[0-9a-f]{64}/g, '…');
}
