import type { Digest, ReasonCode } from '../model/index.ts';

/** The result for one image in a run. */
export type Decision =
  | 'Mirrored'
  | 'Promoted'
  | 'UpToDate'
  | 'Skipped'
  | 'Blocked'
  | 'AwaitingApproval'
  /** It broke: an answer or an action is missing. */
  | 'Failed'
  /** A dry run, or a run that ended before it: it would go on its way. */
  | 'Planned';

/** How many blobs were copied, mounted or skipped. */
export interface BlobCounts {
  readonly mounted: number;
  readonly copied: number;
  /** There already, or brought by another image of the same run. */
  readonly skipped: number;
}

/** Bytes that did not have to travel, for the same reasons. */
export type SparedBytes = Omit<BlobCounts, 'copied'>;

/** Everything attached to an image, counted: found at the source, carried to the target, left by a rule. */
export interface AttachmentCounts {
  readonly found: number;
  readonly carried: number;
  readonly leftByRule: number;
}

/** One row of a run: the result for one tag, with the digest that it had when the run began. */
export interface ImageResult {
  readonly tag: string;
  /** At the source; absent when it could not be resolved. */
  readonly digest?: Digest;
  readonly decision: Decision;
  readonly reason?: ReasonCode;
  readonly message?: string;
  /** Whether trying again may help, without any change. */
  readonly transient?: boolean;
  /** The digest at the target, where it is another one. */
  readonly targetDigest?: Digest;
  /** The digest that lost the tag, and the tag under which it stays. */
  readonly overwrote?: Digest;
  readonly backup?: string;
  /** Worst severity found by the scan, and how many findings there are of each. */
  readonly worst?: string;
  readonly severities?: Readonly<Record<string, number>>;
  /** Ids of everything that blocks, each once, worst first. */
  readonly blocking?: readonly string[];
  /** What an approval of this image has to name. */
  readonly gateHash?: string;
  readonly reportDigest?: Digest;
  readonly approvedBy?: string;
  /** Earliest moment at which an exception that let it pass expires. */
  readonly exceptionsUntil?: Date;
  /** Requests made to the two registries on its way, without those of policies and scanner; absent where they are not counted. */
  readonly requests?: number;
  /** Bytes that travelled. */
  readonly bytes: number;
  readonly spared?: SparedBytes;
  readonly blobs: BlobCounts;
  readonly attachments: AttachmentCounts;
  readonly startedAt?: Date;
  readonly finishedAt?: Date;
}

/** Nothing moved. */
export const NOTHING_MOVED: Pick<ImageResult, 'bytes' | 'blobs' | 'attachments'> = {
  bytes: 0,
  blobs: { mounted: 0, copied: 0, skipped: 0 },
  attachments: { found: 0, carried: 0, leftByRule: 0 },
};

/** A run in numbers. */
export interface RunCounts {
  readonly candidates: number;
  /** Arrived in this run: mirrored or promoted. */
  readonly promoted: number;
  readonly upToDate: number;
  readonly skipped: number;
  readonly blocked: number;
  readonly awaitingApproval: number;
  readonly failed: number;
}

/** The count that an image with this decision is part of; besides, every image is a candidate. */
export const COUNTED: Readonly<Record<Decision, keyof RunCounts>> = {
  Mirrored: 'promoted',
  Promoted: 'promoted',
  UpToDate: 'upToDate',
  Skipped: 'skipped',
  Blocked: 'blocked',
  AwaitingApproval: 'awaitingApproval',
  Failed: 'failed',
  Planned: 'candidates',
};

/** Counts the rows of a run. */
export function countResults(results: readonly Pick<ImageResult, 'decision'>[]): RunCounts {
  const counts = {
    candidates: results.length,
    promoted: 0,
    upToDate: 0,
    skipped: 0,
    blocked: 0,
    awaitingApproval: 0,
    failed: 0,
  };
  for (const { decision } of results) if (COUNTED[decision] !== 'candidates') counts[COUNTED[decision]] += 1;
  return counts;
}

/** The result of a run as a whole: a failure outranks a blocked image, because its result is unknown. */
export function phaseOf({
  failed,
  blocked,
  awaitingApproval,
}: RunCounts): 'Succeeded' | 'Blocked' | 'Failed' {
  if (failed > 0) return 'Failed';
  return blocked + awaitingApproval > 0 ? 'Blocked' : 'Succeeded';
}
