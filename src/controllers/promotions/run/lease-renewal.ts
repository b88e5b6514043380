import { Fault } from '../../../core/model/index.ts';
import type { ImagePromotionRunStatus } from '../../../core/promotion/index.ts';
import { pause } from '../pause.ts';
import type { RunnerPorts, RunObject } from '../ports.ts';

/** A run whose claim this process holds. */
export interface Hold {
  readonly run: RunObject;
  /** Fires with a `Fault` `Cancelled` when the claim may be lost, or the run is gone. */
  readonly signal: AbortSignal;
  /** From now on every renewal writes this status. */
  readonly setStatus: (status: () => ImagePromotionRunStatus) => void;
  /** Writes the status now; `false` when the hold was lost before that was stored. */
  readonly write: () => Promise<boolean>;
  /** Writes the status for the last time, and releases the claim. */
  readonly release: () => Promise<boolean>;
  /** Ends the renewals. */
  readonly close: () => void;
}

interface Holding {
  readonly ports: Pick<RunnerPorts, 'runs' | 'now' | 'after' | 'clock' | 'report'>;
  /** As it was written with the claim. */
  readonly run: RunObject;
  readonly claim: NonNullable<ImagePromotionRunStatus['claim']>;
  readonly status: ImagePromotionRunStatus;
  /** The moment before the claim was sent. */
  readonly heldSince: number;
}

/** Milliseconds without a renewal after which a holder stops: less than others wait; the rest is for requests already sent. */
export const RENEW_WITHIN_MS = 20_000;
/** Milliseconds between two renewals, which also report progress: often enough that one may fail. */
export const PROGRESS_MS = 7_000;
/** Milliseconds before a failed write is retried. */
const AGAIN_MS = 2_000;

type Tried = 'stored' | 'again' | 'lost';

/** Holds a run that was claimed, and renews the claim until it is closed or lost. */
export function createHold({ ports, run, claim, status, heldSince }: Holding): Hold {
  const { runs, now, after, clock, report } = ports;
  const lost = new AbortController();
  let newest = run;
  let renewTime = claim.renewTime;
  let statusNow = (): ImagePromotionRunStatus => status;
  let cancelDeadline = (): void => undefined;
  let cancelRenewal = (): void => undefined;
  let closed = false;
  let writing: Promise<boolean> = Promise.resolve(true);

  const lose = (detail: string): void => {
    if (!lost.signal.aborted) lost.abort(cancelled(run, detail));
    cancelRenewal();
    cancelDeadline();
  };
  const holdSince = (moment: number): void => {
    cancelDeadline();
    if (closed || lost.signal.aborted) return;
    cancelDeadline = after(Math.max(0, moment + RENEW_WITHIN_MS - now()), () => {
      lose('its claim could not be renewed in time');
    });
  };

  /** Another writer has written, or this process itself by a write whose answer was lost. */
  const lookAgain = async (): Promise<Tried> => {
    const stored = await runs.read(run.metadata, lost.signal);
    const held = stored?.status?.claim;
    if (!stored) lose('it was deleted');
    else if (held?.holder !== claim.holder || held.epoch !== claim.epoch) lose('it was taken over');
    else newest = stored;
    return lost.signal.aborted ? 'lost' : 'again';
  };
  const tryWrite = async (holder: string): Promise<Tried> => {
    const sentAt = now();
    // Never the same twice: others take a change of it for a renewal.
    renewTime = laterThan(renewTime, clock());
    const written = { ...statusNow(), claim: { ...claim, holder, renewTime } };
    const answer = await runs.writeStatus(newest, written, lost.signal);
    switch (answer.state) {
      case 'written':
        newest = answer.run;
        holdSince(sentAt);
        return 'stored';
      case 'changed':
        return lookAgain();
      case 'gone':
        lose('it was deleted');
        return 'lost';
      case 'refused':
        report(new Error(`the status of a run was refused: ${answer.message}`));
        lose('its status was refused');
        return 'lost';
    }
  };
  const writeUntilStored = async (holder: string): Promise<boolean> => {
    while (!lost.signal.aborted) {
      const tried = await tryWrite(holder).catch((error: unknown): Tried => {
        if (!(error instanceof Fault) && !lost.signal.aborted) report(error);
        return 'again';
      });
      if (tried === 'stored') return true;
      if (tried === 'again' && !isLost()) await pause(AGAIN_MS, after, lost.signal);
    }
    return false;
  };
  const isLost = (): boolean => lost.signal.aborted;
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
    run,
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

function cancelled({ metadata: { namespace, name } }: RunObject, detail: string): Fault {
  const operation = `carry out ImagePromotionRun ${namespace}/${name}`;
  return new Fault({ code: 'Cancelled', operation, side: 'cluster', transient: true, detail });
}

function laterThan(before: string, now: Date): string {
  return new Date(Math.max(now.getTime(), new Date(before).getTime() + 1)).toISOString();
}
