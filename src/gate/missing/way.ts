import { nameOf } from '../../core/model/index.ts';
import type { Progress } from './progress.ts';
import type { Stage, Wanted } from './stages.ts';

/** Where an image is on its way, for its callers. */
export interface Way {
  /** Where it is, and what it waits for. */
  readonly found: string;
  /** What to do, with {@link seconds} in words. */
  readonly next: string;
  /** When it makes sense to ask again; absent = never, it lies elsewhere. */
  readonly seconds?: number | undefined;
}

/** Longest advice for what may change at any time, in seconds: what has not come for long will hardly come now. */
const MAX_SECONDS = 3_600;
/** Longest advice where the time is known, in seconds: a schedule may be one of years. */
const MAX_SCHEDULED_SECONDS = 86_400;

/** Puts the progress of each stage into words, up to the first that it has not passed. */
export function wayOf(stages: readonly Stage[], passed: readonly Progress[], wanted: Wanted, now: Date): Way {
  const found = passed.map(({ text }) => text).join('; ');
  const [stage, last] = [stages.at(-1), passed.at(-1)];
  if (!stage || !last) throw new Error('an image is on no way');
  if (last.state !== 'Arrived') return again(found, secondsOf(last, now));
  return arrivedAt(stage, { found, wait: () => again(found, secondsOf(last, now)) }, wanted);
}

/** What to do where all known promotions have done their part. */
function arrivedAt(
  { promotion, to, targetTag }: Stage,
  { found, wait }: { readonly found: string; readonly wait: () => Way },
  { place, isThere }: Wanted,
): Way {
  const other = targetTag === place.tag ? undefined : targetTag;
  if (isThere && promotion.spec.promote)
    return { found, next: `pull it from ${other === undefined ? to : `${to}:${other}`}` };
  if (to === nameOf(place))
    return other === undefined ? wait() : { found, next: `pull it by the tag ${other}` };
  return again(`${found}; no promotion of that namespace takes it on`, MAX_SECONDS);
}

/** Advice to ask again. */
export function again(found: string, seconds: number): Way {
  return { found, next: `ask again in ${inWords(seconds)}`, seconds };
}

/** What has taken long already takes as long again: no advice says "soon" for ever. */
function secondsOf({ since, until, seconds }: Progress, now: Date): number {
  if (until) return Math.min(MAX_SCHEDULED_SECONDS, Math.max(1, secondsBetween(now, until)));
  return Math.min(MAX_SECONDS, Math.max(seconds, since ? secondsBetween(since, now) : 0));
}

function secondsBetween(from: Date, to: Date): number {
  return Math.ceil((to.getTime() - from.getTime()) / 1_000);
}

function inWords(seconds: number): string {
  if (seconds <= 90) return `${String(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 90 ? `${String(minutes)} min` : `${String(Math.ceil(minutes / 60))} h`;
}

/** The header that says so to programs. */
export function retryAfter({ seconds }: Partial<Way> = {}): Readonly<Record<string, string>> {
  return seconds === undefined ? {} : { 'Retry-After': String(seconds) };
}
