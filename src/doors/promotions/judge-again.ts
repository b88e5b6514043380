import type { ImagePromotionStatus } from '../../core/promotion/index.ts';
import { MAX_WAIT_MS, type Reading } from './look.ts';
import type { PromotionEvent } from './ports.ts';
import { nextExpiry, rejudgeImages } from './rejudge.ts';

/** Milliseconds between two judgements of what is at the target: new findings come by the day. */
const REJUDGE_MS = 6 * 3_600_000;

/** What is at the target, judged again where it is time. */
export interface JudgedAgain {
  readonly status: ImagePromotionStatus;
  readonly events: readonly PromotionEvent[];
  /** Milliseconds until it is time again. */
  readonly againInMs: number;
}

/** Judges what is at the target again: when an exception has expired, and every few hours where it can be judged. */
export async function judgeAgain(reading: Reading, signal: AbortSignal): Promise<JudgedAgain> {
  const { key, object, promotion, status, runs, now, reconciling } = reading;
  const { ports, looks } = reconciling;
  const at = looks.get(key) ?? ports.now() + ports.random() * REJUDGE_MS;
  looks.set(key, at);
  const againInMs = waitMs(reading, at);
  const routine = ports.rejudge !== undefined && ports.now() >= at;
  if (!routine && !hasExpired(status, now)) return { status, events: [], againInMs };
  const last = runs.find(({ over }) => over);
  const images = last?.object.status?.images ?? [];
  const { rejudge } = ports;
  const { spec } = promotion;
  const judged = await rejudgeImages({ promotion: object, spec, status, images, rejudge, now }, signal);
  looks.set(key, ports.now() + REJUDGE_MS);
  return { status: { ...status, ...judged.status }, events: judged.events, againInMs };
}

function waitMs({ status, now, reconciling: { ports } }: Reading, at: number): number {
  const expiry = nextExpiry(status, now);
  const untilExpiry = expiry ? expiry.getTime() - now.getTime() : MAX_WAIT_MS;
  return Math.min(untilExpiry, ports.rejudge ? Math.max(0, at - ports.now()) : MAX_WAIT_MS);
}

/** Whether an exception has expired whose image is not flagged. */
function hasExpired({ exceptions = [], flagged = [] }: ImagePromotionStatus, now: Date): boolean {
  const tags = new Set(flagged.map(({ tag }) => tag));
  return exceptions.some(({ tag, until }) => Date.parse(until) < now.getTime() && !tags.has(tag));
}
