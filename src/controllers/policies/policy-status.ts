import { once } from 'node:events';
import type { Cluster, WorkQueue, WorkQueueOptions, WriteStatus } from '../../clients/kubernetes/index.ts';
import {
  conditionOf,
  describeProblems,
  errorFields,
  objectOf,
  type Clock,
  type Condition,
  type Log,
} from '../../core/model/index.ts';
import { API_VERSION, type PolicyStatus } from '../../core/policy/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import type { PolicyStore, PolicyState, PolicyObject } from './policy-store.ts';

/** What the status of policies is kept with. */
interface PolicyStatusOptions {
  readonly cluster: Cluster;
  readonly writeStatus: WriteStatus;
  readonly createWorkQueue: (options: WorkQueueOptions) => WorkQueue;
  /** The policy of this name, out of the cache. */
  readonly policy: (name: string) => PolicyObject | undefined;
  readonly store: Pick<PolicyStore, 'states'>;
  readonly log: Log;
  readonly clock: Clock;
}

/** Keeps the status of policies: whether they compiled, and whether they are enforced. */
interface PolicyStatusTasks {
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
  const { cluster, writeStatus, createWorkQueue, policy, store, log, clock } = options;
  let queue: WorkQueue | undefined;
  let enforced: object | undefined;

  const write = async (name: string, fieldManager: string, status: object, signal: AbortSignal) => {
    const address = { resource: RESOURCES.policies, name };
    const target = { address, apiVersion: API_VERSION, kind: 'ImagePolicy', fieldManager };
    const written = await writeStatus(cluster, target, status, signal);
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
      queue = createWorkQueue({
        reconcile,
        concurrency: CONCURRENCY,
        onFailure: (policy, error, retryInMs) => {
          const fields = { policy, retryInMs, ...errorFields(error) };
          log.warn(fields, 'the status of a policy could not be written');
        },
      });
      addAll();
      if (!signal.aborted) await once(signal, 'abort');
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

/** The fields of the status that the compiling controller writes. */
type CompileStatus = Required<Pick<PolicyStatus, 'observedGeneration' | 'compiledHash' | 'conditions'>>;

const IN_FORCE: Readonly<Record<PolicyState['inForce'], string>> = {
  'as written': 'The policy is in force as written.',
  'last good': 'The last good version stays in force.',
  nothing: 'It has never compiled: every image it covers is unknown.',
};

/**
 * The status that follows from what became of a policy. A condition that keeps its status keeps the time at which it last
 * changed; `undefined` when the object says all this already.
 */
export function compileStatus(
  object: PolicyObject,
  state: PolicyState,
  now: Date,
): CompileStatus | undefined {
  // Only this controller writes the status, and the API server holds it to the schema.
  const before: PolicyStatus = objectOf(object.status);
  const ready = state.inForce === 'as written';
  const reason = ready ? 'Compiled' : 'PolicyBroken';
  const problems = describeProblems(state.problems);
  const message = [...(problems === '' ? [] : [`${problems}.`]), IN_FORCE[state.inForce]].join(' ');
  const about = { before: before.conditions, generation: state.generation, now };
  const condition = (type: 'Ready' | 'Stalled', holds: boolean): Condition =>
    conditionOf({ type, status: holds ? 'True' : 'False', reason, message }, about);
  const status = {
    observedGeneration: state.generation,
    compiledHash: state.hash,
    conditions: [condition('Ready', ready), condition('Stalled', !ready)],
  };
  return isSaid(before, status) ? undefined : status;
}

const STATED = ['status', 'observedGeneration', 'lastTransitionTime', 'reason', 'message'] as const;

function isSaid(before: PolicyStatus, now: CompileStatus): boolean {
  const stated = ({ observedGeneration, compiledHash, conditions = [] }: PolicyStatus) => {
    const own = ['Ready', 'Stalled'].map((type) => conditions.find((one) => one.type === type));
    return JSON.stringify([
      observedGeneration,
      compiledHash,
      own.map((one) => one && STATED.map((field) => one[field])),
    ]);
  };
  return stated(before) === stated(now);
}
