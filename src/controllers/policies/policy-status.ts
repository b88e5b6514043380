import type { Cluster, WorkQueue, WorkQueueOptions, WriteStatus } from '../../clients/kubernetes/index.ts';
import { errorFields, type Clock, type Log } from '../../core/model/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import type { PolicyStore } from './policy-store.ts';
import type { PolicyObject } from './ports.ts';
import { compileStatus } from './status.ts';

/** What the status of policies is kept with. */
export interface PolicyStatusOptions {
  readonly cluster: Cluster;
  readonly writeStatus: WriteStatus;
  readonly createWorkQueue: (options: WorkQueueOptions) => WorkQueue;
  /** The policy of this name, out of the cache. */
  readonly policy: (name: string) => PolicyObject | undefined;
  readonly store: Pick<PolicyStore, 'states'>;
  /** Resolves when the caches were read once. */
  readonly synced: Promise<void>;
  readonly log: Log;
  readonly clock: Clock;
}

/** Keeps the status of policies: whether they compiled, and whether they are enforced. */
export interface PolicyStatusTasks {
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onPolicies: (names: readonly string[]) => void;
  /** The condition `Enforced` that the self-test found; none before its first result. */
  readonly enforced: (condition: object | undefined) => void;
}

/** Policies written at a time: few, because no request waits for them. */
const CONCURRENCY = 4;
const COMPILER = 'pratique-policies';
const SELF_TEST = 'pratique-self-test';

/** Writes the status of every policy when a term begins and whenever something changes in it. */
export function keepPolicyStatus(options: PolicyStatusOptions): PolicyStatusTasks {
  const { cluster, writeStatus, createWorkQueue, policy, store, synced, log, clock } = options;
  let queue: WorkQueue | undefined;
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
    // Deleted meanwhile: there is no status any more.
    if (!written.ok && written.status !== 404) throw new Error(written.message);
  };
  const reconcile = async (name: string, signal: AbortSignal): Promise<undefined> => {
    const object = policy(name);
    const state = store.states().get(name);
    if (!object || !state) return undefined;
    const status = compileStatus(object, state, clock());
    if (status) await write(name, COMPILER, status, signal);
    if (enforced) await write(name, SELF_TEST, { conditions: [enforced] }, signal);
    return undefined;
  };
  const addAll = () => {
    for (const name of store.states().keys()) queue?.add(name);
  };
  return {
    run: async (signal) => {
      await synced;
      queue = createWorkQueue({
        reconcile,
        concurrency: CONCURRENCY,
        onFailure: (name, error, retryInMs) => {
          log.warn(
            { policy: name, retryInMs, ...errorFields(error) },
            'the status of a policy could not be written',
          );
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
    enforced: (condition) => {
      enforced = condition;
      addAll();
    },
  };
}
