import { parseDigest, type Reason, rfc3339 } from '../../core/model/index.ts';
import {
  MAX_MESSAGE_LENGTH,
  MAX_WATCHED,
  type ImageAtTarget,
  type ImagePromotionStatus,
  type JudgedAtTarget,
  type RunImage,
  type TargetJudgement,
} from '../../core/promotion/index.ts';
import { regarding } from './changes.ts';
import type { PromotionEvent, PromotionObject } from './ports.ts';

/*
 * Promoted images are judged again: the exception of an image expires, or a new report has other findings. Such an image is
 * flagged, and never deleted: workloads must not break because time has passed.
 */

type Exceptions = NonNullable<ImagePromotionStatus['exceptions']>;
type Flagged = NonNullable<ImagePromotionStatus['flagged']>;
type Watched = Pick<ImagePromotionStatus, 'exceptions' | 'flagged' | 'flaggedCut' | 'lastJudgement'>;

/** The images watched after a run: those that an exception admitted, until they pass without one or are gone. */
export function watchExceptions(
  { exceptions = [], flagged = [] }: ImagePromotionStatus,
  images: readonly RunImage[],
): Pick<ImagePromotionStatus, 'exceptions' | 'flagged'> {
  const arrived = images.filter(({ decision }) => decision === 'Promoted' || decision === 'Mirrored');
  const tags = new Set(arrived.map(({ tag }) => tag));
  const added = arrived.flatMap(({ tag, source, target = source, exceptionsUntil }) =>
    target === undefined || exceptionsUntil === undefined
      ? []
      : [{ tag, digest: target, until: exceptionsUntil }],
  );
  const kept = exceptions.filter(({ tag }) => !tags.has(tag));
  return {
    exceptions: soonestFirst([...kept, ...added]),
    flagged: flagged.filter(({ tag }) => !tags.has(tag)),
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
    ...there.map(({ tag, source = '', target = source }) => ({ tag, digest: target })),
    ...exceptions,
    ...flagged,
  ].flatMap(({ tag, digest }): readonly ImageAtTarget[] => {
    const parsed = parseDigest(digest);
    return parsed ? [{ tag, digest: parsed }] : [];
  });
  return [...new Map(all.map((image) => [keyOf(image), image])).values()];
}

/** The result of a check of the target: the judgement of its images, or why it could not be read. */
export type Looked = { readonly at: Date } & (
  { readonly judgement: TargetJudgement } | { readonly failure: Reason; readonly known: number }
);

/** When a target is checked, and the result of the last check that is not in a status yet. */
export interface LookAtTarget {
  /** Milliseconds of `now`; absent = a check is under way. */
  readonly dueMs?: number;
  /** `unjudged` = no authority is configured whose reports count. */
  readonly looked?: Looked | 'unjudged';
}

/** What is judged again. `looked` absent = a judgement is not possible: the dates of exceptions alone decide. */
export interface Rejudging {
  readonly promotion: PromotionObject;
  readonly status: ImagePromotionStatus;
  readonly looked?: Looked;
  readonly now: Date;
}

/** The result. */
export interface Rejudged {
  readonly status: Watched;
  /** One for each image that is flagged now and was not, or for another reason. */
  readonly events: readonly PromotionEvent[];
}

/**
 * Flags and clears. An image that could be judged is flagged or cleared by that. For an image that could not be judged, the date
 * of an exception decides. A flagged image stays flagged until it is known to comply, or to be gone.
 */
export function rejudgeImages({ promotion, status, looked, now }: Rejudging): Rejudged {
  const { exceptions = [], flagged: before = [] } = status;
  const candidates = [...candidatesOf(status, looked).values()];
  const flagged = candidates.flatMap((one) => flagOf(one, now));
  const done = new Set(candidates.filter((one) => isDone(one, now)).map(keyOf));
  const listed = flagged.slice(0, MAX_WATCHED);
  const old = new Set(before.map((one) => JSON.stringify([one.tag, one.digest, one.reason])));
  return {
    status: {
      exceptions: soonestFirst(exceptions.filter((one) => !done.has(keyOf(one)))),
      flagged: listed,
      flaggedCut: flagged.length > listed.length ? flagged.length - listed.length : undefined,
      ...(looked && { lastJudgement: lastJudgement(looked) }),
    },
    events: listed
      .filter((one) => !old.has(JSON.stringify([one.tag, one.digest, one.reason])))
      .map((one) => flagEvent(promotion, one)),
  };
}

interface Candidate {
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
  looked: Looked | undefined,
): ReadonlyMap<string, Candidate> {
  const all = new Map<string, Candidate>();
  const add = (one: Candidate): void => void all.set(keyOf(one), { ...all.get(keyOf(one)), ...one });
  // Images that were flagged before come first, so that they are not cut.
  for (const { tag, digest, reason } of flagged) add({ tag, digest, was: reason });
  for (const { tag, digest, until } of exceptions) add({ tag, digest, until });
  const judgement = looked && 'judgement' in looked ? looked.judgement : undefined;
  for (const judged of judgement?.judged ?? []) add({ tag: judged.tag, digest: judged.digest, judged });
  return all;
}

function flagOf(candidate: Candidate, now: Date): Flagged {
  const { tag, digest, judged } = candidate;
  if (judged?.state === 'well' || judged?.state === 'gone') return [];
  const reason = judged?.state === 'blocked' ? judged.reason.code : reasonByDate(candidate, now);
  return reason === undefined ? [] : [{ tag, digest, reason }];
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

function lastJudgement(looked: Looked): ImagePromotionStatus['lastJudgement'] {
  const time = rfc3339(looked.at);
  if ('failure' in looked)
    return { time, judged: 0, unknown: looked.known, ...unreadableReason(looked.failure) };
  const { judged, unseen, reason } = looked.judgement;
  const unreadable = judged.flatMap((one) => (one.state === 'unknown' ? [one.reason] : []));
  const why = unreadable[0] ?? reason;
  return {
    time,
    judged: judged.filter(({ state }) => state === 'well' || state === 'blocked').length,
    unknown: unreadable.length + unseen,
    ...(why && unreadableReason(why)),
  };
}

function unreadableReason({ code, detail }: Reason) {
  return { reason: code, message: detail.slice(0, MAX_MESSAGE_LENGTH) };
}

function isPast(until: string, now: Date): boolean {
  return Date.parse(until) < now.getTime();
}

function keyOf({ tag, digest }: { readonly tag: string; readonly digest: string }): string {
  return `${tag}@${digest}`;
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
