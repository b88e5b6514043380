import { SEVERITIES } from '../../core/policy/index.ts';
import {
  MAX_BLOCKING,
  MAX_MESSAGE_LENGTH,
  MAX_RUN_IMAGES,
  type ImageDecision,
  type ImageResult,
  type RunImage,
} from '../../core/promotion/index.ts';

/** The heaviest first: what a person has to look at is never cut in favour of what went well. */
const WEIGHT: Readonly<Record<ImageDecision, number>> = {
  Failed: 0,
  Blocked: 1,
  AwaitingApproval: 2,
  Promoted: 3,
  Mirrored: 3,
  Planned: 4,
  Skipped: 5,
  UpToDate: 6,
};

/** The row of a run's status that tells of an image. */
export function rowOf(result: ImageResult): RunImage {
  const { tag, digest, decision, message, blocking, startedAt, finishedAt } = result;
  return {
    tag,
    source: digest,
    decision,
    ...pick(result, ['reason', 'transient', 'gateHash', 'approvedBy', 'overwrote', 'backup']),
    ...(result.targetDigest && { target: result.targetDigest }),
    ...(message !== undefined && { message: clip(message) }),
    ...severityOf(result),
    ...(blocking && blocking.length > 0 && { blocking: blocking.slice(0, MAX_BLOCKING) }),
    ...(result.reportDigest && { report: result.reportDigest }),
    ...(result.exceptionsUntil && { exceptionsUntil: result.exceptionsUntil.toISOString() }),
    ...movedOf(result),
    ...(startedAt && { startTime: startedAt.toISOString() }),
    ...(finishedAt && { completionTime: finishedAt.toISOString() }),
  };
}

/**
 * The rows that a status keeps: the heaviest, among equals the earlier ones; at most {@link MAX_RUN_IMAGES}, and at most so
 * many bytes of JSON.
 */
export function cutRows(rows: readonly RunImage[], maxBytes: number): readonly RunImage[] {
  const sorted = rows.toSorted((a, b) => WEIGHT[a.decision] - WEIGHT[b.decision]).slice(0, MAX_RUN_IMAGES);
  let bytes = 0;
  const past = sorted.findIndex((row) => (bytes += Buffer.byteLength(JSON.stringify(row)) + 1) > maxBytes);
  return past === -1 ? sorted : sorted.slice(0, past);
}

function movedOf({ bytes, blobs, attachments }: ImageResult): Partial<RunImage> {
  const { mounted, copied, skipped } = blobs;
  const { found, carried, leftByRule } = attachments;
  return {
    ...(bytes > 0 && { bytes }),
    ...(mounted + copied + skipped > 0 && { blobs: { mounted, copied, skipped } }),
    ...(found > 0 && { attachments: { found, carried, leftByRule } }),
  };
}

function severityOf({ worst, severities = {} }: ImageResult): Pick<RunImage, 'severity'> {
  const known = SEVERITIES.find((one) => one === worst);
  if (!known) return {};
  const counts = SEVERITIES.flatMap((one) => {
    const count = severities[one] ?? severities[one.toLowerCase()];
    return count === undefined ? [] : [[one.toLowerCase(), count] as const];
  });
  return { severity: { worst: known, ...Object.fromEntries(counts) } };
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]),
  ) as Pick<T, K>;
}

function clip(text: string): string {
  return text.length <= MAX_MESSAGE_LENGTH ? text : `${text.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}
