import { cutText, definedFields, oneLine, rfc3339, type Digest, type ReasonCode } from '../model/index.ts';
import { SEVERITIES } from '../policy/index.ts';
import type { PlannedImage } from './plan.ts';
import type { ImageDecision, ImagePromotionRunStatus, RunImage } from './schema.ts';
import { MAX_BLOCKING, MAX_MESSAGE_LENGTH, MAX_RUN_IMAGES } from './schema/run.ts';

/** Everything attached to an image, counted: found at the source, carried to the target, left by a rule. */
export type AttachmentCounts = NonNullable<RunImage['attachments']>;

type Shared =
  | 'repository'
  | 'tag'
  | 'targetTag'
  | 'decision'
  | 'transient'
  | 'message'
  | 'backup'
  | 'gateHash'
  | 'approvedBy'
  | 'requests'
  | 'spared';

/** One row of a run: the result for one tag, with the digest that it had when the run began. A status lists it as {@link runImage}. */
export interface ImageResult extends Readonly<Pick<RunImage, Shared>> {
  /** At the source; absent when it could not be resolved. */
  readonly digest?: Digest;
  readonly reason?: ReasonCode;
  /** The digest at the target, where it is another one. */
  readonly targetDigest?: Digest;
  /** The digest that lost the tag; `backup` = the tag under which it stays. */
  readonly overwrote?: Digest;
  /** Worst severity found by the scan, and how many findings there are of each. */
  readonly worst?: string;
  readonly severities?: Readonly<Record<string, number>>;
  /** Ids of everything that blocks, each once, worst first. */
  readonly blocking?: readonly string[];
  readonly reportDigest?: Digest;
  /** Earliest moment at which an exception that let it pass expires. */
  readonly exceptionsUntil?: Date;
  /** Bytes that travelled. */
  readonly bytes: number;
  /** How many blobs were copied, mounted or skipped: there already, or brought by another image of the same run. */
  readonly blobs: NonNullable<RunImage['blobs']>;
  readonly attachments: AttachmentCounts;
  readonly startedAt?: Date;
  readonly finishedAt?: Date;
}

const DECIDED = {
  Move: 'Planned',
  UpToDate: 'UpToDate',
  Skip: 'Skipped',
  Block: 'Blocked',
  Fail: 'Failed',
} as const;

/** The result for an image for which no step was run: nothing moved. */
export function plannedResult(planned: PlannedImage): ImageResult {
  const { repository, tag, targetTag, digest, expected } = planned;
  const { reason, message } = 'reason' in planned ? planned : {};
  return definedFields({
    repository,
    tag,
    targetTag,
    digest,
    targetDigest: expected === digest ? undefined : expected,
    decision: DECIDED[planned.action],
    reason,
    message,
    transient: planned.action === 'Fail' ? planned.transient : undefined,
    bytes: 0,
    blobs: { mounted: 0, copied: 0, skipped: 0 },
    attachments: { found: 0, carried: 0, leftByRule: 0 },
  });
}

/** A run in numbers. */
export type RunCounts = NonNullable<ImagePromotionRunStatus['counts']>;

/**
 * As what each decision is counted; what is only planned is a candidate and nothing more. The most important come first: images
 * that failed, that need a person, that were promoted.
 */
export const COUNTED: Readonly<Record<ImageDecision, keyof RunCounts | undefined>> = {
  Failed: 'failed',
  Blocked: 'blocked',
  AwaitingApproval: 'awaitingApproval',
  Promoted: 'promoted',
  Mirrored: 'promoted',
  Planned: undefined,
  Skipped: 'skipped',
  UpToDate: 'upToDate',
};

/** Counts the rows of a run. */
export function countResults(results: readonly Pick<ImageResult, 'decision'>[]): RunCounts {
  const nothing = { promoted: 0, upToDate: 0, skipped: 0, blocked: 0, awaitingApproval: 0, failed: 0 };
  const counts: RunCounts = { candidates: results.length, ...nothing };
  for (const counted of results.map(({ decision }) => COUNTED[decision])) if (counted) counts[counted] += 1;
  return counts;
}

/** The result of a run as a whole: a failure outranks a blocked image, because its result is unknown. */
export function phaseOf(counts: RunCounts): 'Succeeded' | 'Blocked' | 'Failed' {
  if (counts.failed > 0) return 'Failed';
  return counts.blocked + counts.awaitingApproval > 0 ? 'Blocked' : 'Succeeded';
}

/** Bytes that all rows together may have as JSON, so that a status stays well below 100 KB whatever they say. */
const MAX_RUN_IMAGES_BYTES = 80_000;

/**
 * The rows that a status keeps, in their order: as many as fit into so many bytes of JSON, the interesting ones first, and never
 * more than {@link MAX_RUN_IMAGES}.
 */
export function cutRunImages(
  rows: readonly RunImage[],
  maxBytes = MAX_RUN_IMAGES_BYTES,
): readonly RunImage[] {
  const interest = Object.keys(COUNTED);
  const order = rows.toSorted((a, b) => interest.indexOf(a.decision) - interest.indexOf(b.decision));
  const kept = new Set<RunImage>();
  let bytes = 0;
  for (const row of order.slice(0, MAX_RUN_IMAGES)) {
    bytes += new TextEncoder().encode(JSON.stringify(row)).length + 1;
    if (bytes > maxBytes) break;
    kept.add(row);
  }
  return rows.filter((row) => kept.has(row));
}

/** The result for an image, as the status of its run lists it: what is known, in short. */
export function runImage(result: ImageResult): RunImage {
  const { digest, targetDigest, reportDigest, worst, severities, startedAt, finishedAt, ...rest } = result;
  const { message, blocking = [], exceptionsUntil, bytes, spared, blobs, attachments } = rest;
  const some = <T>(amount: number, value: T): T | undefined => (amount > 0 ? value : undefined);
  const cut = blocking.length - MAX_BLOCKING;
  return definedFields({
    ...rest,
    source: digest,
    target: targetDigest,
    report: reportDigest,
    message: message && cutText(oneLine(message), MAX_MESSAGE_LENGTH),
    severity: severityOf(worst, severities),
    // The worst of what blocks by name, the rest as a number.
    blocking: some(blocking.length, blocking.slice(0, MAX_BLOCKING)),
    blockingCut: some(cut, cut),
    exceptionsUntil: exceptionsUntil?.toISOString(),
    bytes: some(bytes, bytes),
    spared: spared && some(spared.mounted + spared.skipped, spared),
    blobs: some(blobs.mounted + blobs.copied + blobs.skipped, blobs),
    attachments: some(attachments.found, attachments),
    startTime: startedAt && rfc3339(startedAt),
    completionTime: finishedAt && rfc3339(finishedAt),
  });
}

function severityOf(
  worst: string | undefined,
  severities: ImageResult['severities'] = {},
): RunImage['severity'] {
  const word = SEVERITIES.find((one) => one === worst);
  if (word === undefined) return undefined;
  const counted = Object.entries(severities).filter(([, count]) => count > 0);
  return { worst: word, ...Object.fromEntries(counted.map(([name, count]) => [name.toLowerCase(), count])) };
}
