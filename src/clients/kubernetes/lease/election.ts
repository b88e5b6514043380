import type { Clock, Gauge } from '../../../core/model/index.ts';
import { createLeaseAcquisition, type LeaseOptions } from './acquisition.ts';
import { pause, SYSTEM_TIMERS, type Timers } from '../rest/timers.ts';

/** What an election is about. Durations in milliseconds. */
export interface ElectionOptions extends LeaseOptions {
  /** How long the leader leads after it sent the last renewal that succeeded; shorter than `durationMs`. */
  readonly renewDeadlineMs: number;
  /** Pause between two tries; shorter than half of `renewDeadlineMs`. */
  readonly retryMs: number;
  /**
   * The leader's work. Its signal fires before another instance may lead. While the promise is pending after that, this
   * instance does not try again. When the work ends by itself, the Lease is released and tried for again after `retryMs`.
   */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  /** Called when this instance begins or ceases to lead, and when another holder is seen; must not throw. */
  readonly onChange?: (state: { readonly leading: boolean; readonly holder?: string }) => void;
  /** Called for attempts that failed and for rejections of `lead`; must not throw. */
  readonly onError?: (error: unknown) => void;
  readonly timers?: Timers;
  /** Wall clock, for the times that people read in the Lease; nothing is decided by it. */
  readonly clock?: Clock;
  /** A number from 0 to below 1, for the jitter. */
  readonly random?: () => number;
}

/** A candidate that leads, or waits for its turn. */
export interface Election {
  /** Whether this instance leads at this moment, by its own clock. */
  isLeader(): boolean;
  /** The last holder of the Lease that was seen; `undefined` when there was none. */
  holder(): string | undefined;
  /** Who leads, for people: `this replica`, the last holder seen, or `none seen yet`. */
  describe(): string;
  /** `pratique_leader`: whether this instance leads. */
  readonly gauge: Gauge;
  /** Stops the work, waits until it has stopped, and releases the Lease, so that others need not wait. */
  close(): Promise<void>;
}

/** Candidates that came up together do not try together. */
const JITTER = 0.2;

/**
 * Takes part in the election of a leader by a Lease, after the algorithm of client-go: at most one instance leads at a time
 * as long as clocks run equally fast, whatever they show. @throws RangeError when the durations do not fit together.
 */
export function runElection(options: ElectionOptions): Election {
  const { durationMs, renewDeadlineMs, retryMs, lead, onChange, onError } = options;
  const { timers = SYSTEM_TIMERS, clock = () => new Date(), random = Math.random } = options;
  if (!(durationMs > renewDeadlineMs && renewDeadlineMs > 2 * retryMs && retryMs > 0))
    throw new RangeError('a lease wants durationMs > renewDeadlineMs > 2 × retryMs > 0');
  const claim = createLeaseAcquisition(options, timers, clock);
  const closing = new AbortController();
  let term: Term | undefined;
  let reported = { leading: false, holder: undefined as string | undefined };

  const isOthers = (): boolean => (claim.holder() ?? options.identity) !== options.identity;
  const isLeader = (): boolean => term?.lasts() ?? false;
  const logTerm = (): void => {
    const now = { leading: isLeader(), holder: claim.holder() };
    if (now.leading === reported.leading && now.holder === reported.holder) return;
    reported = now;
    onChange?.(now);
  };

  /** Half of the deadline for one try: a request that hangs does not cost the term. */
  const withinReason = async <T>(call: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> => {
    const late = new AbortController();
    const cancel = timers.after(renewDeadlineMs / 2, () => late.abort());
    try {
      return await call(late.signal);
    } catch (error) {
      onError?.(error);
      return undefined;
    } finally {
      cancel();
    }
  };

  const hold = (until: number): void => {
    if (until <= timers.now()) return; // the answer came too late to be worth anything
    if (term) term.extend(until);
    else term = beginTerm({ until, lead, timers, onEnd: logTerm, onError: (error) => onError?.(error) });
  };

  const round = async (): Promise<void> => {
    if (term && !term.lasts()) {
      term.end();
      const { isOver } = term;
      if (isOver()) term = undefined;
      await withinReason(isOver() ? claim.release : claim.look);
      return;
    }
    const signal = (late: AbortSignal): AbortSignal => AbortSignal.any([late, closing.signal]);
    const held = await withinReason(async (late) => ({ claim: await claim.take(signal(late)) }));
    if (closing.signal.aborted || !held) return;
    if (held.claim) hold(held.claim.heldSince + renewDeadlineMs);
    else if (isOthers()) term?.end();
  };

  const campaign = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await round();
      logTerm();
      await pause(timers, retryMs * (1 + JITTER * random()), closing.signal);
    }
    term?.end();
    await term?.over;
    await withinReason(claim.release);
    logTerm();
  };
  const campaigning = campaign();

  return {
    isLeader,
    holder: claim.holder,
    describe: () => (isLeader() ? 'this replica' : (claim.holder() ?? 'none seen yet')),
    gauge: {
      name: 'pratique_leader',
      help: 'Whether this replica leads: 1, or 0.',
      labels: [],
      read: () => [{ labels: {}, value: isLeader() ? 1 : 0 }],
    },
    close: () => {
      closing.abort();
      term?.end();
      return campaigning;
    },
  };
}

/** One time of leading: from the moment the Lease was held until it no longer surely is. */
interface Term {
  /** Whether it still lasts, by the local clock: true even before the timer that ends it has come to fire. */
  lasts(): boolean;
  /** Puts off the end. */
  extend(until: number): void;
  /** Stops the work. */
  end(): void;
  /** Resolves when the work has stopped, by itself or because of `end`; never rejects. */
  readonly over: Promise<void>;
  /** Whether the work has stopped. */
  readonly isOver: () => boolean;
}

interface TermOptions extends Pick<ElectionOptions, 'lead'> {
  readonly until: number;
  readonly timers: Timers;
  /** Called once when the term ends, for whatever reason. */
  readonly onEnd: () => void;
  readonly onError: (error: unknown) => void;
}

/** Begins a term that ends by itself at a moment of the local clock, whatever the network does. */
function beginTerm({ until, lead, timers, onEnd, onError }: TermOptions): Term {
  const stop = new AbortController();
  let deadline = until;
  let isOver = false;
  let cancel = (): void => undefined;

  const end = (): void => {
    if (stop.signal.aborted) return;
    cancel();
    stop.abort();
    onEnd();
  };
  const wind = (): void => {
    cancel();
    cancel = timers.after(Math.max(0, deadline - timers.now()), end);
  };
  wind();

  const work = async (): Promise<void> => {
    try {
      await lead(stop.signal);
    } catch (error) {
      onError(error);
    } finally {
      isOver = true;
      end();
    }
  };

  return {
    lasts: () => !stop.signal.aborted && timers.now() < deadline,
    extend: (to) => {
      if (stop.signal.aborted) return;
      deadline = to;
      wind();
    },
    end,
    over: work(),
    isOver: () => isOver,
  };
}
