import pLimit from 'p-limit';
import { Fault, parseDigest, type Reason } from '../../core/model/index.ts';
import {
  MAX_WATCHED,
  type ImagePromotionSpec,
  type ImagePromotionStatus,
  type RunImage,
} from '../../core/promotion/index.ts';
import { regarding } from './changes.ts';
import type { ControllerPorts, PromotionEvent, PromotionObject } from './ports.ts';

/*
 * What is in golden is judged again: an exception that let an image pass expires, a new report says something else. It is
 * flagged then, and never deleted: what runs must not break because time has passed.
 */

type Exceptions = NonNullable<ImagePromotionStatus['exceptions']>;
type Flagged = NonNullable<ImagePromotionStatus['flagged']>;

/** Images judged again at a time: nobody waits for it. */
const CONCURRENCY = 4;

/** What is watched after a run: images that an exception let pass, until they arrive without one or are no longer there. */
export function watchExceptions(
  { exceptions = [], flagged = [] }: ImagePromotionStatus,
  images: readonly RunImage[],
): Pick<ImagePromotionStatus, 'exceptions' | 'flagged'> {
  const arrived = images.filter(({ decision }) => decision === 'Promoted' || decision === 'Mirrored');
  const tags = new Set(arrived.map(({ tag }) => tag));
  const added = arrived.flatMap(({ tag, source, exceptionsUntil }) =>
    source === undefined || exceptionsUntil === undefined
      ? []
      : [{ tag, digest: source, until: exceptionsUntil }],
  );
  const kept = exceptions.filter(({ tag }) => !tags.has(tag));
  return {
    exceptions: soonestFirst([...kept, ...added]),
    flagged: flagged.filter(({ tag }) => !tags.has(tag)),
  };
}

/** When the first exception expires that has not yet; `undefined` = none will. */
export function nextExpiry({ exceptions = [] }: ImagePromotionStatus, now: Date): Date | undefined {
  const next = exceptions.find(({ until }) => Date.parse(until) >= now.getTime());
  return next && new Date(Date.parse(next.until) + 1);
}

/** What is judged again, and by what. */
export interface Rejudging {
  readonly promotion: PromotionObject;
  readonly spec: ImagePromotionSpec;
  readonly status: ImagePromotionStatus;
  /** Images that were at the target after the last run. */
  readonly images: readonly RunImage[];
  readonly rejudge: ControllerPorts['rejudge'];
  readonly now: Date;
}

/** What came of it. */
export interface Rejudged {
  readonly status: Pick<ImagePromotionStatus, 'exceptions' | 'flagged'>;
  /** One for each image that is flagged now and was not, or for another reason. */
  readonly events: readonly PromotionEvent[];
}

/**
 * Judges again. Where images can be judged, that decides; where that cannot be told, or nobody can, the date of an exception
 * does. What was flagged stays so until it is known to be well.
 */
export async function rejudgeImages(given: Rejudging, signal: AbortSignal): Promise<Rejudged> {
  const { promotion, status, now } = given;
  const { exceptions = [], flagged: before = [] } = status;
  const watched = candidatesOf(given);
  const limit = pLimit(CONCURRENCY);
  const answers = await Promise.all(
    watched.map((image) => limit(async () => ({ ...image, answer: await ask(given, image, signal) }))),
  );
  const flagged = answers
    .flatMap(({ tag, digest, answer, until, was }): Flagged => {
      if (answer === 'well') return [];
      const expired = until !== undefined && Date.parse(until) < now.getTime();
      const reason = answer === 'unknown' ? (expired ? 'ExceptionExpired' : was) : answer.code;
      return reason === undefined ? [] : [{ tag, digest, reason }];
    })
    .slice(0, MAX_WATCHED);
  const well = new Set(
    answers.flatMap(({ tag, answer, until }) =>
      answer === 'well' && until !== undefined && Date.parse(until) < now.getTime() ? [tag] : [],
    ),
  );
  return {
    status: { exceptions: soonestFirst(exceptions.filter(({ tag }) => !well.has(tag))), flagged },
    events: flagged
      .filter(
        (one) =>
          !before.some(
            (old) => old.tag === one.tag && old.digest === one.digest && old.reason === one.reason,
          ),
      )
      .map((one) => flagEvent(promotion, one)),
  };
}

interface Candidate {
  readonly tag: string;
  readonly digest: string;
  readonly until?: string;
  /** The reason for which it is flagged already. */
  readonly was?: string;
}

/** Every image that an exception let pass, that is flagged, or, if it can be judged, that is at the target. */
function candidatesOf({ status, images, rejudge }: Rejudging): readonly Candidate[] {
  const all = new Map<string, Candidate>();
  const there = rejudge
    ? images.filter(({ decision }) => decision === 'Promoted' || decision === 'UpToDate')
    : [];
  for (const { tag, source } of there) if (source !== undefined) all.set(tag, { tag, digest: source });
  for (const { tag, digest, until } of status.exceptions ?? []) all.set(tag, { tag, digest, until });
  for (const { tag, digest, reason } of status.flagged ?? [])
    all.set(tag, { tag, digest, ...all.get(tag), was: reason });
  return [...all.values()];
}

async function ask(
  { rejudge, promotion, spec }: Rejudging,
  { tag, digest }: Candidate,
  signal: AbortSignal,
): Promise<Reason | 'well' | 'unknown'> {
  const parsed = parseDigest(digest);
  if (!rejudge || !parsed) return 'unknown';
  try {
    const { namespace } = promotion.metadata;
    return (await rejudge({ namespace, spec, tag, digest: parsed }, signal)) ?? 'well';
  } catch (error) {
    if (error instanceof Fault) return 'unknown';
    throw error;
  }
}

function soonestFirst(exceptions: Exceptions): Exceptions {
  return exceptions.toSorted((a, b) => Date.parse(a.until) - Date.parse(b.until)).slice(0, MAX_WATCHED);
}

function flagEvent(promotion: PromotionObject, { tag, reason }: Flagged[number]): PromotionEvent {
  return {
    regarding: regarding(promotion),
    type: 'Warning',
    reason,
    action: 'Rejudge',
    note: `${tag} is at the target and would be blocked today`,
  };
}
