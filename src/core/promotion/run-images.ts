import { SEVERITIES } from '../policy/index.ts';
import type { Decision, ImageResult } from './result.ts';
import type { RunImage } from './schema.ts';
import { MAX_BLOCKING, MAX_MESSAGE_LENGTH } from './schema/run-image.ts';
import { MAX_RUN_IMAGES } from './schema/run.ts';

/** Bytes that all rows together may have as JSON, so that a status stays well below 100 KB whatever they say. */
export const MAX_RUN_IMAGES_BYTES = 80_000;

/** What there is most to say about comes first: what broke, what a person should look at, what moved. */
const INTEREST: readonly Decision[] = [
  'Failed',
  'Blocked',
  'AwaitingApproval',
  'Promoted',
  'Mirrored',
  'Planned',
  'Skipped',
  'UpToDate',
];

/**
 * The rows of a run as its status tells them, in the order of the run: as many as fit, the interesting ones first, and how many
 * were cut.
 */
export function runImages(results: readonly ImageResult[]): {
  readonly images: readonly RunImage[];
  readonly cut: number;
} {
  const rows = results.map(rowOf);
  const order = [...rows].sort((a, b) => INTEREST.indexOf(a.decision) - INTEREST.indexOf(b.decision));
  const kept = new Set<RunImage>();
  let bytes = 0;
  for (const row of order.slice(0, MAX_RUN_IMAGES)) {
    bytes += new TextEncoder().encode(JSON.stringify(row)).length + 1;
    if (bytes > MAX_RUN_IMAGES_BYTES) break;
    kept.add(row);
  }
  return { images: rows.filter((row) => kept.has(row)), cut: rows.length - kept.size };
}

function rowOf(result: ImageResult): RunImage {
  const { tag, digest, targetDigest, decision, reason, message, blocking = [], gateHash } = result;
  const { reportDigest, bytes, blobs, attachments, startedAt, finishedAt } = result;
  const hasMoved = blobs.mounted + blobs.copied + blobs.skipped > 0;
  return {
    tag,
    ...(digest !== undefined && { source: digest }),
    ...(targetDigest !== undefined && { target: targetDigest }),
    decision,
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message: shortened(message) }),
    ...severityOf(result),
    ...(blocking.length > 0 && { blocking: blocking.slice(0, MAX_BLOCKING) }),
    ...(reportDigest !== undefined && { report: reportDigest }),
    ...(gateHash !== undefined && { gateHash }),
    ...(bytes > 0 && { bytes }),
    ...(hasMoved && { blobs }),
    ...(attachments.found > 0 && { attachments }),
    ...(startedAt && { startTime: secondOf(startedAt) }),
    ...(finishedAt && { completionTime: secondOf(finishedAt) }),
  };
}

function shortened(message: string): string {
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : message;
}

function severityOf({ worst, severities = {} }: ImageResult): Pick<RunImage, 'severity'> {
  const word = SEVERITIES.find((one) => one === worst);
  if (word === undefined) return {};
  const { Critical, High, Medium, Low, Unknown } = severities;
  const counts = { critical: Critical, high: High, medium: Medium, low: Low, unknown: Unknown };
  const counted = Object.entries(counts).filter(([, number]) => number !== undefined && number > 0);
  return { severity: { worst: word, ...Object.fromEntries(counted) } };
}

/** Kubernetes writes times to the second. */
const secondOf = (moment: Date): string => moment.toISOString().replace(/\.\d+Z$/, 'Z');
