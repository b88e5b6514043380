import { nameOf } from '../../core/model/index.ts';
import type { After } from './ports.ts';
import type { PushedImage } from './pushed-image.ts';

/** What a waker is made of. */
export interface TriggerOptions {
  /** Makes a promotion run soon. Must not throw. */
  readonly wake: (key: string) => void;
  /** The promotions that take from where this was pushed. */
  readonly matches: (image: PushedImage) => Iterable<string>;
  /** Milliseconds without an event after which a promotion is woken. */
  readonly quietMs: number;
  /** Milliseconds after its first event at which it is woken at the latest. */
  readonly maxDelayMs: number;
  /** Milliseconds since some moment; never goes back. */
  readonly now: () => number;
  readonly after: After;
}

/** Turns events into wakes, many into one. */
export interface Trigger {
  readonly pushed: (images: readonly PushedImage[]) => void;
  /** Promotions that are to be woken. */
  readonly waiting: () => number;
  /** Wakes nobody any more. */
  readonly close: () => void;
}

interface Burst {
  readonly lastMoment: number;
  due: number;
  cancel: () => void;
}

/**
 * Lets bursts end: however many events come for a promotion, it is woken once when they are over, or once in `maxDelayMs` while
 * they go on. What it remembers grows with promotions, not with events.
 */
export function createTrigger({ wake, matches, quietMs, maxDelayMs, now, after }: TriggerOptions): Trigger {
  const bursts = new Map<string, Burst>();
  let closed = false;

  const ring = (key: string, burst: Burst) => {
    const left = burst.due - now();
    // One timer for a burst: events move its end, and the timer finds out when it rings.
    if (left > 0) {
      burst.cancel = after(left, () => ring(key, burst));
      return;
    }
    bursts.delete(key);
    wake(key);
  };
  const hear = (key: string) => {
    const moment = now();
    const burst = bursts.get(key);
    if (burst) {
      burst.due = Math.min(moment + quietMs, burst.lastMoment);
      return;
    }
    const begun: Burst = { lastMoment: moment + maxDelayMs, due: moment + quietMs, cancel: () => undefined };
    begun.cancel = after(quietMs, () => ring(key, begun));
    bursts.set(key, begun);
  };

  return {
    pushed: (images) => {
      if (closed) return;
      for (const image of images) for (const key of matches(image)) hear(key);
    },
    waiting: () => bursts.size,
    close: () => {
      closed = true;
      for (const { cancel } of bursts.values()) cancel();
      bursts.clear();
    },
  };
}

/** A promotion and the repositories it takes from, each as `registry/repository`, normalised. */
export interface WatchedSources {
  readonly key: string;
  readonly sources: readonly string[];
}

/**
 * Who takes from where, for {@link TriggerOptions.matches}. By repository alone: a tag that a promotion does not select may be the
 * signature or the attestation of one that it does, and a run with nothing to do costs a listing.
 */
export function watchersBySource(
  promotions: Iterable<WatchedSources>,
): (image: PushedImage) => readonly string[] {
  const watchers = new Map<string, string[]>();
  for (const { key, sources } of promotions) {
    for (const source of new Set(sources)) watchers.set(source, [...(watchers.get(source) ?? []), key]);
  }
  return (image) => watchers.get(nameOf(image)) ?? [];
}
