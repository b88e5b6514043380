import { Fault } from '../../../core/model/index.ts';
import type { ImagePromotionRunStatus } from '../../../core/promotion/index.ts';
import { createHold, PROGRESS_MS, type Hold } from './lease-renewal.ts';
import type { GuardedAnswer, ObjectName, RunnerPorts, RunObject } from '../ports.ts';

/*
 * One run is executed by one holder. The claim is in the status of the run, and every write of that status is guarded by the
 * version it was read with: when two write it, one succeeds, and a holder that lost the claim can write no more. Time is
 * measured by local clocks alone. A holder counts from before it sent its last write, others from when they saw it, and they
 * wait longer: so the holder has stopped before another one begins, whatever the clocks show.
 */

/** Milliseconds others wait after the last renewal that they saw. */
export const CLAIM_MS = 30_000;

/** The result of taking a claim. */
export type Taken =
  | { readonly state: 'taken'; readonly hold: Hold }
  /** Another holder has it: check again in so many milliseconds. */
  | { readonly state: 'held'; readonly retryInMs: number }
  /** There is nothing to execute. */
  | { readonly state: 'over' | 'gone' };

/** How a claim is taken. */
export interface Taking {
  /** The status with which the run begins or continues; `undefined` = there is nothing to execute. */
  readonly begin: (run: RunObject) => ImagePromotionRunStatus | undefined;
  readonly signal: AbortSignal;
}

/** The claims of one process. */
export interface RunLeases {
  /** Milliseconds until the claim of a run may be taken, as far as this process has watched it; 0 = now. */
  readonly waitMs: (run: RunObject) => number;
  /** Takes the claim of a run if that is allowed. Throws a `Fault` when the API server cannot be asked. */
  readonly take: (run: ObjectName, taking: Taking) => Promise<Taken>;
}

/** The claim in a status. */
type Claim = NonNullable<ImagePromotionRunStatus['claim']>;

/** Claims whose last renewal is remembered; for a forgotten one the whole time is waited again. */
const MAX_SEEN = 1_000;

/** Makes the claims of this process. */
export function createRunLeases(
  ports: Pick<RunnerPorts, 'identity' | 'runs' | 'now' | 'after' | 'clock' | 'report'>,
): RunLeases {
  const { identity, runs, now } = ports;
  const seen = new Map<string, { readonly mark: string; readonly at: number }>();

  const waitMs = ({ metadata: { uid }, status }: RunObject): number => {
    const claim = status?.claim;
    if (!claim || claim.holder === '' || claim.holder === identity) {
      seen.delete(uid);
      return 0;
    }
    const mark = markOf(claim);
    const before = seen.get(uid);
    if (before?.mark !== mark) remember(seen, uid, { mark, at: now() });
    const since = before?.mark === mark ? before.at : now();
    return Math.max(0, since + claim.durationSeconds * 1_000 - now());
  };

  const take = async (name: ObjectName, { begin, signal }: Taking): Promise<Taken> => {
    const run = await runs.read(name, signal);
    if (!run || run.metadata.deletionTimestamp !== undefined) return { state: 'gone' };
    const status = begin(run);
    if (!status) return { state: 'over' };
    const retryInMs = waitMs(run);
    if (retryInMs > 0) return { state: 'held', retryInMs };
    const claim: Claim = {
      holder: identity,
      epoch: (run.status?.claim?.epoch ?? 0) + 1,
      renewTime: ports.clock().toISOString(),
      durationSeconds: CLAIM_MS / 1_000,
    };
    const heldSince = now();
    const answer = await runs.writeStatus(run, { ...status, claim }, signal);
    if (answer.state === 'written')
      return { state: 'taken', hold: createHold({ ports, run: answer.run, claim, status, heldSince }) };
    return notTaken(answer, name);
  };
  return { waitMs, take };
}

function notTaken(answer: Exclude<GuardedAnswer, { state: 'written' }>, name: ObjectName): Taken {
  if (answer.state === 'gone') return { state: 'gone' };
  if (answer.state === 'changed') return { state: 'held', retryInMs: PROGRESS_MS };
  throw new Fault({
    code: 'ClusterDenied',
    operation: `write the status of ImagePromotionRun ${name.namespace}/${name.name}`,
    side: 'cluster',
    transient: false,
    detail: answer.message,
  });
}

function markOf({ holder, epoch, renewTime }: Claim): string {
  return `${holder} ${String(epoch)} ${renewTime}`;
}

function remember<V>(seen: Map<string, V>, key: string, value: V): void {
  seen.delete(key);
  seen.set(key, value);
  const oldest = seen.keys().next();
  if (seen.size > MAX_SEEN && oldest.done !== true) seen.delete(oldest.value);
}
