/*
 * One run is executed by one holder. Its lease is `status.claim` of the run, and every write of that status is guarded by the
 * version it was read with: when two write it, one succeeds, and a holder that lost the lease can write no more. Time is
 * measured by local clocks alone. A holder counts from before it sent its last write, others from when they saw it, and they
 * wait longer: so the holder has stopped before another one begins, whatever the clocks show.
 */
import { LRUCache } from 'lru-cache';
import { Fault, type After } from '../../../core/model/index.ts';
import type { ImagePromotionRunStatus } from '../../../core/promotion/index.ts';
import type { GuardedAnswer, ObjectName, RunnerPorts, RunObject } from '../ports.ts';

/** Milliseconds others wait after the last renewal that they saw. */
export const LEASE_MS = 30_000;

/** The result of taking a lease. */
type Taken =
  | { readonly state: 'taken'; readonly lease: RunLease }
  /** Another holder has it: check again in so many milliseconds. */
  | { readonly state: 'held'; readonly retryInMs: number }
  /** There is nothing to execute. */
  | { readonly state: 'over' | 'gone' };

/** The leases of one process. */
export interface RunLeases {
  /** Milliseconds until the lease of a run may be taken, as far as this process has watched it; 0 = now. */
  readonly waitMs: (run: RunObject) => number;
  /**
   * Takes the lease of a run if that is allowed. `begin` = the status with which it begins or continues; `undefined` = there is
   * nothing to execute. Throws a `Fault` when the API server cannot be asked.
   */
  readonly take: (
    run: ObjectName,
    taking: {
      readonly begin: (run: RunObject) => ImagePromotionRunStatus | undefined;
      readonly signal: AbortSignal;
    },
  ) => Promise<Taken>;
}

/** The lease as a status has it. */
type Claim = NonNullable<ImagePromotionRunStatus['claim']>;

/** Leases whose last renewal is remembered; for a forgotten one the whole time is waited again. */
const MAX_SEEN = 1_000;

type LeasePorts = Pick<RunnerPorts, 'runs' | 'now' | 'after' | 'clock' | 'report'>;

/** Makes the leases of this process. */
export function createRunLeases(ports: LeasePorts & Pick<RunnerPorts, 'identity'>): RunLeases {
  const { identity, runs, now } = ports;
  const seen = new LRUCache<string, { readonly mark: string; readonly at: number }>({ max: MAX_SEEN });

  const waitMs: RunLeases['waitMs'] = ({ metadata: { uid }, status }) => {
    const claim = status?.claim;
    if (!claim || claim.holder === '' || claim.holder === identity) {
      seen.delete(uid);
      return 0;
    }
    const mark = `${claim.holder} ${String(claim.epoch)} ${claim.renewTime}`;
    const before = seen.get(uid);
    const last = before?.mark === mark ? before : { mark, at: now() };
    seen.set(uid, last);
    return Math.max(0, last.at + claim.durationSeconds * 1_000 - now());
  };

  const take: RunLeases['take'] = async (name, { begin, signal }) => {
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
      durationSeconds: LEASE_MS / 1_000,
    };
    const heldSince = now();
    const answer = await runs.writeStatus(run, { ...status, claim }, signal);
    if (answer.state !== 'written') return notTaken(answer, name);
    return { state: 'taken', lease: keepLease(answer.run, claim, heldSince, ports) };
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

/** A run whose lease this process holds. */
export interface RunLease {
  /** The run as it was stored by the last write. */
  readonly run: RunObject;
  /** Fires with a `Fault` `Cancelled` when the lease may be lost, or the run is gone. */
  readonly signal: AbortSignal;
  /** From now on every renewal writes this status. */
  readonly setStatus: (status: () => ImagePromotionRunStatus) => void;
  /** Writes the status now; `false` when the hold was lost before that was stored. */
  readonly write: () => Promise<boolean>;
  /** Writes the status for the last time, and releases the lease. */
  readonly release: () => Promise<boolean>;
  /** Ends the renewals. */
  readonly close: () => void;
}

/** Milliseconds without a renewal after which a holder stops: less than others wait; the rest is for requests already sent. */
const RENEW_WITHIN_MS = 20_000;
/** Milliseconds between two renewals, which also report progress: often enough that one may fail. */
const PROGRESS_MS = 7_000;
/** Milliseconds before a failed write is retried. */
const AGAIN_MS = 2_000;

type Tried = 'stored' | 'again' | 'lost';

/** Holds a run, as it was written with its lease, and renews the lease until it is closed or lost. */
function keepLease(run: RunObject, claim: Claim, heldSince: number, ports: LeasePorts): RunLease {
  const { runs, now, after, clock, report } = ports;
  const lost = new AbortController();
  const isLost = (): boolean => lost.signal.aborted;
  let newest = run;
  let { renewTime } = claim;
  let statusNow = (): ImagePromotionRunStatus => run.status ?? {};
  let cancelDeadline = (): void => undefined;
  let cancelRenewal = (): void => undefined;
  let closed = false;
  let writing: Promise<boolean> = Promise.resolve(true);

  const lose = (detail: string): void => {
    const operation = `carry out ImagePromotionRun ${run.metadata.namespace}/${run.metadata.name}`;
    const fault = new Fault({ code: 'Cancelled', operation, side: 'cluster', transient: true, detail });
    if (!isLost()) lost.abort(fault);
    cancelRenewal();
    cancelDeadline();
  };
  const holdSince = (moment: number): void => {
    cancelDeadline();
    if (closed || isLost()) return;
    cancelDeadline = after(Math.max(0, moment + RENEW_WITHIN_MS - now()), () => {
      lose('its lease could not be renewed in time');
    });
  };

  /** Another writer has written, or this process itself by a write whose answer was lost. */
  const lookAgain = async (): Promise<Tried> => {
    const stored = await runs.read(run.metadata, lost.signal);
    const held = stored?.status?.claim;
    if (!stored) lose('it was deleted');
    else if (held?.holder !== claim.holder || held.epoch !== claim.epoch) lose('it was taken over');
    else newest = stored;
    return isLost() ? 'lost' : 'again';
  };
  const tryWrite = async (holder: string): Promise<Tried> => {
    const sentAt = now();
    // Never the same twice: others take a change of it for a renewal.
    renewTime = new Date(Math.max(clock().getTime(), Date.parse(renewTime) + 1)).toISOString();
    const written = { ...statusNow(), claim: { ...claim, holder, renewTime } };
    const answer = await runs.writeStatus(newest, written, lost.signal);
    if (answer.state === 'written') {
      newest = answer.run;
      holdSince(sentAt);
      return 'stored';
    }
    if (answer.state === 'changed') return lookAgain();
    if (answer.state === 'refused') report(new Error(`the status of a run was refused: ${answer.message}`));
    lose(answer.state === 'gone' ? 'it was deleted' : 'its status was refused');
    return 'lost';
  };
  const writeUntilStored = async (holder: string): Promise<boolean> => {
    while (!isLost()) {
      const tried = await tryWrite(holder).catch((error: unknown): Tried => {
        if (!(error instanceof Fault) && !isLost()) report(error);
        return 'again';
      });
      if (tried === 'stored') return true;
      if (tried === 'again' && !isLost()) await pause(AGAIN_MS, after, lost.signal);
    }
    return false;
  };
  /** One after the other: each write uses the version that the one before returned. */
  const enqueue = (holder: string): Promise<boolean> => {
    writing = writing.then(() => writeUntilStored(holder));
    return writing;
  };

  const renewLater = (): void => {
    cancelRenewal = after(PROGRESS_MS, () => {
      void enqueue(claim.holder).then(() => {
        if (!closed && !isLost()) renewLater();
      });
    });
  };
  const close = (): void => {
    closed = true;
    cancelRenewal();
    cancelDeadline();
  };

  holdSince(heldSince);
  renewLater();
  return {
    get run() {
      return newest;
    },
    signal: lost.signal,
    setStatus: (next) => {
      statusNow = next;
    },
    write: () => enqueue(claim.holder),
    release: async () => {
      cancelRenewal();
      closed = true;
      const released = await enqueue('');
      close();
      return released;
    },
    close,
  };
}

/** Waits so long, or until the signal fires. */
export async function pause(ms: number, after: After, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<Event | undefined>();
  const cancel = after(ms, () => {
    resolve(undefined);
  });
  signal.addEventListener('abort', resolve, { once: true });
  await promise;
  cancel();
  signal.removeEventListener('abort', resolve);
}
