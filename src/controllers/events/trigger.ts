import { nameOf, type Time } from '../../core/model/index.ts';
import type { PushedImage } from './pushed-image.ts';

/** What a trigger is made of. */
export interface TriggerOptions extends Pick<Time, 'now' | 'after'> {
  /** Makes a promotion run soon. Must not throw. */
  readonly wake: (key: string) => void;
  /** The promotions that take from where this was pushed. */
  readonly matches: (image: PushedImage) => Iterable<string>;
  /** Milliseconds without an event after which a promotion is triggered. */
  readonly quietMs: number;
  /** Milliseconds after its first event at which it is triggered at the latest. */
  readonly maxDelayMs: number;
}

interface Burst {
  readonly lastMoment: number;
  due: number;
  cancel: () => void;
}

/**
 * Turns events into runs of promotions. Waits for the end of a burst: however many events come for a promotion, it is triggered once when they are over, or once in
 * `maxDelayMs` while they continue. Memory grows with promotions, not with events. After `close` nothing is triggered.
 */
export function createTrigger({ wake, matches, quietMs, maxDelayMs, now, after }: TriggerOptions) {
  const bursts = new Map<string, Burst>();
  let closed = false;

  const fire = (key: string, burst: Burst) => {
    const left = burst.due - now();
    // One timer for a burst: events move its end, and the timer checks the end when it fires.
    if (left > 0) {
      burst.cancel = after(left, () => fire(key, burst));
      return;
    }
    bursts.delete(key);
    wake(key);
  };
  const noteEvent = (key: string) => {
    const moment = now();
    const burst = bursts.get(key);
    if (burst) {
      burst.due = Math.min(moment + quietMs, burst.lastMoment);
      return;
    }
    const begun: Burst = { lastMoment: moment + maxDelayMs, due: moment + quietMs, cancel: () => undefined };
    begun.cancel = after(quietMs, () => fire(key, begun));
    bursts.set(key, begun);
  };

  return {
    pushed: (images: readonly PushedImage[]): void => {
      if (closed) return;
      for (const image of images) for (const key of matches(image)) noteEvent(key);
    },
    /** How many promotions are about to be triggered. */
    waiting: (): number => bursts.size,
    close: (): void => {
      closed = true;
      for (const { cancel } of bursts.values()) cancel();
      bursts.clear();
    },
  };
}

/** The result of {@link createTrigger}. */
export type Trigger = ReturnType<typeof createTrigger>;

/** A promotion and the repositories it takes from, each as `registry/repository`, normalised. */
export interface WatchedSources {
  readonly key: string;
  readonly sources: readonly string[];
  /** Whether it takes from a repository besides: that of many, by name or glob. */
  readonly covers?: (source: string) => boolean;
}

/**
 * Who takes from where, for {@link TriggerOptions.matches}. By repository alone: a tag that a promotion does not select may be the
 * signature or the attestation of one that it does, and a run with nothing to do costs a listing.
 */
export function watchersBySource(
  promotions: Iterable<WatchedSources>,
): (image: PushedImage) => readonly string[] {
  const watchers = new Map<string, string[]>();
  const many: WatchedSources[] = [];
  for (const promotion of promotions) {
    const { key, sources, covers } = promotion;
    if (covers) many.push(promotion);
    for (const source of new Set(sources)) watchers.set(source, [...(watchers.get(source) ?? []), key]);
  }
  return (image) => {
    const source = nameOf(image);
    const covering = many.filter(({ covers }) => covers?.(source)).map(({ key }) => key);
    return [...(watchers.get(source) ?? []), ...covering];
  };
}
