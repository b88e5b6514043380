import type { SelfTestResult } from '../controllers/self-test/index.ts';
import { createWorkQueue, writeStatus } from '../clients/kubernetes/index.ts';
import { compileStatus } from '../controllers/policies/index.ts';
import type { LeaderOptions } from './parts.ts';
import { toldOf } from './replica.ts';
import { RESOURCES } from '../core/workload/index.ts';
import { clock } from './process-context.ts';

/** Keeps the status of policies: what became of them, and whether they are enforced. */
export interface PolicyStatusTasks {
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onPolicies: (names: readonly string[]) => void;
  /** The self-test found something new. */
  readonly enforced: (result: SelfTestResult) => void;
}

/** Policies written at a time: few, because nobody waits for them. */
const CONCURRENCY = 4;
const COMPILER = 'pratique-policies';
const SELF_TEST = 'pratique-self-test';

/** Writes the status of every policy when a term begins and whenever something changes in it. */
export function keepPolicyStatus({ cluster, replica, log }: LeaderOptions): PolicyStatusTasks {
  let queue: ReturnType<typeof createWorkQueue> | undefined;
  let enforced: object | undefined;

  const write = async (
    name: string,
    fieldManager: string,
    status: object,
    signal: AbortSignal,
  ): Promise<void> => {
    const written = await writeStatus(
      cluster,
      {
        address: { resource: RESOURCES.policies, name },
        apiVersion: 'pratique.dev/v1alpha1',
        kind: 'ImagePolicy',
        fieldManager,
      },
      status,
      signal,
    );
    // Deleted meanwhile: there is nothing to tell any more.
    if (!written.ok && written.status !== 404) throw new Error(written.message);
  };
  const reconcile = async (name: string, signal: AbortSignal): Promise<undefined> => {
    const object = replica.caches.policies.get(name);
    const state = replica.held.states().get(name);
    if (!object || !state) return undefined;
    const status = compileStatus(object, state, clock());
    if (status) await write(name, COMPILER, status, signal);
    if (enforced) await write(name, SELF_TEST, { conditions: [enforced] }, signal);
    return undefined;
  };
  const addAll = () => {
    for (const name of replica.held.states().keys()) queue?.add(name);
  };
  return {
    run: async (signal) => {
      await replica.caches.synced;
      queue = createWorkQueue({
        reconcile,
        concurrency: CONCURRENCY,
        onFailure: (policy, error, retryInMs) => {
          log.warn({ policy, retryInMs, ...toldOf(error) }, 'the status of a policy could not be written');
        },
      });
      addAll();
      await new Promise((resolve) => {
        if (signal.aborted) resolve(undefined);
        signal.addEventListener('abort', resolve, { once: true });
      });
      const closing = queue;
      queue = undefined;
      await closing.close();
    },
    onPolicies: (names) => {
      for (const name of names) queue?.add(name);
    },
    enforced: (result) => {
      enforced = enforcedCondition(result);
      addAll();
    },
  };
}

const ENFORCED = {
  proven: ['True', 'SelfTestProven', 'Canaries were refused in every way that was tried.'],
  'not enforced': [
    'False',
    'SelfTestNotEnforced',
    'A canary was let in: the webhook does not see every image.',
  ],
  'cannot tell': ['Unknown', 'SelfTestCannotTell', 'It could not be found out whether canaries are refused.'],
} as const;

function enforcedCondition(result: SelfTestResult): object | undefined {
  if (result.state === 'not run yet') return undefined;
  const [status, reason, message] = ENFORCED[result.state];
  const at = `${result.at.toISOString().slice(0, 19)}Z`;
  const unwell = result.canaries.filter(
    ({ outcome }) => outcome === 'not enforced' || outcome === 'cannot tell',
  );
  const why = unwell.map(({ id, detail }) => `${id}: ${detail}`).join('; ');
  return {
    type: 'Enforced',
    status,
    reason,
    lastTransitionTime: at,
    message: why === '' ? message : `${message} ${why}`.slice(0, MAX_MESSAGE),
  };
}

/** Longest message of a condition, in characters. */
const MAX_MESSAGE = 2_000;
