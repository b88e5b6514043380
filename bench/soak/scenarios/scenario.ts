import { podReview } from '../../../test/support/reviews.ts';
import type { Random } from '../random.ts';
import { always, type Permits } from '../truth.ts';

/** One request and what may be answered to it. */
export interface Question {
  readonly images: readonly string[];
  readonly permits: Permits;
  /** `shop` when not given. */
  readonly namespace?: string;
  /** Whether it goes to the webhook that pins: the outcome is then the digest. */
  readonly pins?: boolean;
  /** Bytes that the object has besides. */
  readonly padding?: number;
}

/** A part of the traffic. */
export interface Scenario {
  readonly name: string;
  /** How often it is drawn, among all. */
  readonly weight: number;
  readonly ask: (random: Random) => Question | Promise<Question>;
  /** Changes something; one change at a time is made in all. */
  readonly change?: (random: Random) => Promise<void>;
}

/** Milliseconds in which a change of an object is in force: a watch delivers it in less than one. */
export const WATCH_MS = 3_000;
/** Milliseconds in which what was absent is asked for anew: `memory.absentMs` after a look-up that was on its way, on a busy machine. */
export const ABSENT_MS = 12_000;

/** The outcome of a request to pin that was answered without a digest. */
export const NOT_PINNED = 'not pinned';

/** Reasons that say that something could not be found out. */
export const UNKNOWN = [
  'RegistryUnavailable',
  'RegistryDenied',
  'RegistryRateLimited',
  'RegistryMisbehaved',
  'UntrustedEndpoint',
  'AddressRefused',
  'LimitExceeded',
  'DeadlineExceeded',
  'UnreadableEvidence',
] as const;

/** Any answer but `allow` and a bug. */
export const refused: Permits = always(
  ...UNKNOWN,
  ...['Unsigned', 'AttestationMissing', 'ImageNotFound', 'AmbiguousIndex', 'Quarantined'],
);

/** The review of a question, as the API server sends it. */
export function reviewOf({ images, namespace = 'shop', padding = 0 }: Question): object {
  const review = podReview(images, { namespace });
  const { metadata } = review.request.object;
  const annotations = { note: 'x'.repeat(padding) };
  const object = { ...review.request.object, metadata: { ...metadata, namespace, annotations } };
  return { ...review, request: { ...review.request, object } };
}
