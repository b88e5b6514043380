import type { RecordedEvent } from '../../clients/kubernetes/index.ts';
import { definedFields, parseDigest, rfc3339 } from '../../core/model/index.ts';
import {
  MAX_MESSAGE_LENGTH,
  MAX_WATCHED,
  rowName,
  type ImageAtTarget,
  type ImagePromotionStatus,
  type JudgedAtTarget,
  type RunImage,
  type TargetJudgement,
} from '../../core/promotion/index.ts';
import { regarding } from './changes.ts';
import type { PromotionObject } from './ports.ts';
import type { LookedAtTarget, Reading } from './refresh.ts';

/*
 * Promoted images are judged again: the exception of an image expires, or a new report has other findings. Such an image is
 * flagged, and never deleted: workloads must not break because time has passed.
 */

type Exceptions = NonNullable<ImagePromotionStatus['exceptions']>;
type Flagged = NonNullable<ImagePromotionStatus['flagged']>;

/** The images watched after a run: those that an exception admitted, until they pass without one or are gone. */
export function watchExceptions(
  { exceptions = [], flagged = [] }: ImagePromotionStatus,
  images: readonly RunImage[],
): Pick<ImagePromotionStatus, 'exceptions' | 'flagged'> {
  const arrived = images.filter(({ decision }) => decision === 'Promoted' || decision === 'Mirrored');
  const names = new Set(
    arrived.map(({ targetTag, ...one }) => rowName({ ...one, tag: targetTag ?? one.tag })),
  );
  const added = arrived.flatMap(
    ({ repository, tag, targetTag = tag, source, target = source, exceptionsUntil }) =>
      target === undefined || exceptionsUntil === undefined
        ? []
        : [{ repository, tag: targetTag, digest: target, until: exceptionsUntil }],
  );
  const kept = exceptions.filter((one) => !names.has(rowName(one)));
  return {
    exceptions: soonestFirst([...kept, ...added]),
    flagged: flagged.filter((one) => !names.has(rowName(one))),
  };
}

/** When the next exception expires; `undefined` = none will. */
export function nextExpiry({ exceptions = [] }: ImagePromotionStatus, now: Date): Date | undefined {
  const next = exceptions.find(({ until }) => Date.parse(until) >= now.getTime());
  return next && new Date(Date.parse(next.until) + 1);
}

/** Whether the exception of an image that is not flagged has expired. */
export function hasExpired({ exceptions = [], flagged = [] }: ImagePromotionStatus, now: Date): boolean {
  const known = new Set(flagged.map(keyOf));
  return exceptions.some((one) => isPast(one.until, now) && !known.has(keyOf(one)));
}

/** Images that are known to be at the target: those of the last run, those that an exception admitted, those that are flagged. */
export function knownAtTarget(
  { exceptions = [], flagged = [] }: ImagePromotionStatus,
  images: readonly RunImage[],
): readonly ImageAtTarget[] {
  const there = images.filter(({ decision }) => decision === 'Promoted' || decision === 'UpToDate');
  const all = [
    ...there.map(({ repository, tag, targetTag = tag, source = '', target = source }) => ({
      repository,
      tag: targetTag,
      digest: target,
    })),
    ...exceptions,
    ...flagged,
  ].flatMap(({ repository, tag, digest }): readonly ImageAtTarget[] => {
    const parsed = parseDigest(digest);
    return parsed ? [{ ...definedFields({ repository }), tag, digest: parsed }] : [];
  });
  return [...new Map(all.map((image) => [keyOf(image), image])).values()];
}

/**
 * Flags and clears; without a judgement, by the dates of exceptions alone. An image that could be judged is flagged or cleared by that. For an image that could not be judged, the date
 * of an exception decides. A flagged image stays flagged until it is known to comply, or to be gone. The events are one for each
 * image that is flagged now and was not, or for another reason.
 */
export function rejudgeImages(
  { object: promotion, status, now }: Pick<Reading, 'object' | 'status' | 'now'>,
  looked: LookedAtTarget | undefined,
): {
  readonly status: Pick<ImagePromotionStatus, 'exceptions' | 'flagged' | 'flaggedCut' | 'lastJudgement'>;
  readonly events: readonly RecordedEvent[];
} {
  const { exceptions = [], flagged: before = [] } = status;
  const candidates = [...candidatesOf(status, looked?.judgement).values()];
  const flagged = candidates.flatMap((one) => flagOf(one, now));
  const done = new Set(candidates.filter((one) => isDone(one, now)).map(keyOf));
  const listed = flagged.slice(0, MAX_WATCHED);
  const old = new Set(before.map((one) => JSON.stringify([rowName(one), one.digest, one.reason])));
  return {
    status: {
      exceptions: soonestFirst(exceptions.filter((one) => !done.has(keyOf(one)))),
      flagged: listed,
      flaggedCut: flagged.length > listed.length ? flagged.length - listed.length : undefined,
      lastJudgement: looked?.judgement ? lastJudgement(looked.judgement, looked.at) : status.lastJudgement,
    },
    events: listed
      .filter((one) => !old.has(JSON.stringify([rowName(one), one.digest, one.reason])))
      .map((one) => flagEvent(promotion, one)),
  };
}

interface Candidate {
  readonly repository?: string;
  readonly tag: string;
  readonly digest: string;
  readonly until?: string;
  /** The reason for which it is flagged already. */
  readonly was?: string;
  readonly judged?: JudgedAtTarget;
}

/** Every image that an exception admitted, that is flagged, or that was judged; by tag and digest. */
function candidatesOf(
  { exceptions = [], flagged = [] }: ImagePromotionStatus,
  judgement: TargetJudgement | undefined,
): ReadonlyMap<string, Candidate> {
  const all = new Map<string, Candidate>();
  const add = (one: Candidate): void => void all.set(keyOf(one), { ...all.get(keyOf(one)), ...one });
  // Images that were flagged before come first, so that they are not cut.
  for (const { reason, ...image } of flagged) add({ ...image, was: reason });
  for (const exception of exceptions) add(exception);
  for (const judged of judgement?.judged ?? [])
    add({
      ...definedFields({ repository: judged.repository }),
      tag: judged.tag,
      digest: judged.digest,
      judged,
    });
  return all;
}

function flagOf(candidate: Candidate, now: Date): Flagged {
  const { repository, tag, digest, judged } = candidate;
  if (judged?.state === 'well' || judged?.state === 'gone') return [];
  const reason = judged?.state === 'blocked' ? judged.reason.code : reasonByDate(candidate, now);
  return reason === undefined ? [] : [{ repository, tag, digest, reason }];
}

function reasonByDate({ was, until }: Candidate, now: Date): string | undefined {
  if (was !== undefined) return was;
  return until !== undefined && isPast(until, now) ? 'ExceptionExpired' : undefined;
}

/** Whether the end of its exception need not be watched any more. */
function isDone({ judged, until }: Candidate, now: Date): boolean {
  if (judged?.state === 'gone') return true;
  return judged?.state === 'well' && until !== undefined && isPast(until, now);
}

function lastJudgement(judgement: TargetJudgement, at: Date): ImagePromotionStatus['lastJudgement'] {
  const { unknown, why } = unreadableOf(judgement);
  return {
    time: rfc3339(at),
    judged: judgement.judged.filter(({ state }) => state === 'well' || state === 'blocked').length,
    unknown,
    reason: why?.code,
    message: why?.detail.slice(0, MAX_MESSAGE_LENGTH),
  };
}

/** How many images could not be judged, and why the first of them. */
export function unreadableOf({ judged, unseen, reason }: TargetJudgement) {
  const reasons = judged.flatMap((one) => (one.state === 'unknown' ? [one.reason] : []));
  return { unknown: reasons.length + unseen, why: reasons[0] ?? reason };
}

function isPast(until: string, now: Date): boolean {
  return Date.parse(until) < now.getTime();
}

function keyOf(image: Pick<Candidate, 'repository' | 'tag' | 'digest'>): string {
  return `${rowName(image)}@${image.digest}`;
}

function soonestFirst(exceptions: Exceptions): Exceptions {
  return exceptions.toSorted((a, b) => Date.parse(a.until) - Date.parse(b.until)).slice(0, MAX_WATCHED);
}

function flagEvent(promotion: PromotionObject, flagged: Flagged[number]): RecordedEvent {
  const { reason } = flagged;
  const note = `${rowName(flagged)} is at the target and would be blocked today`;
  return { regarding: regarding(promotion), type: 'Warning', reason, action: 'Rejudge', note };
}
