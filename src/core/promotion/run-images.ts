import { SEVERITIES } from '../policy/index.ts';
import type { Decision, ImageResult } from './result.ts';
import type { RunImage } from './schema.ts';
import { MAX_BLOCKING, MAX_MESSAGE_LENGTH } from './schema/run-image.ts';
import { MAX_RUN_IMAGES } from './schema/run.ts';

/** Bytes that all rows together may have as JSON, so that a status stays well below 100 KB whatever they say. */
export const MAX_RUN_IMAGES_BYTES = 80_000;

/** The most important images come first: those that failed, those that need a person, those that were promoted. */
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
 * The rows that a status keeps, in their order: as many as fit into so many bytes of JSON, the interesting ones first, and never
 * more than {@link MAX_RUN_IMAGES}.
 */
export function cutRunImages(
  rows: readonly RunImage[],
  maxBytes = MAX_RUN_IMAGES_BYTES,
): readonly RunImage[] {
  const order = [...rows].sort((a, b) => INTEREST.indexOf(a.decision) - INTEREST.indexOf(b.decision));
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
  const {
    tag,
    digest,
    decision,
    blocking = [],
    requests,
    bytes,
    spared,
    blobs,
    attachments,
    startedAt,
    finishedAt,
  } = result;
  const { message, targetDigest, reportDigest, reason, transient, gateHash } = result;
  const { overwrote, backup, approvedBy, exceptionsUntil } = result;
  const hasBlobs = blobs.mounted + blobs.copied + blobs.skipped > 0;
  return {
    tag,
    decision,
    ...known({ source: digest, target: targetDigest, report: reportDigest, reason, transient, gateHash }),
    ...known({ overwrote, backup, approvedBy, exceptionsUntil: exceptionsUntil?.toISOString() }),
    ...known({ message: message && shortened(message), severity: severityOf(result) }),
    ...namedOf(blocking),
    ...known({ requests }),
    ...(bytes > 0 && { bytes }),
    ...(spared && spared.mounted + spared.skipped > 0 && { spared }),
    ...(hasBlobs && { blobs }),
    ...(attachments.found > 0 && { attachments }),
    ...known({ startTime: secondOf(startedAt), completionTime: secondOf(finishedAt) }),
  };
}

/** The worst of what blocks by name, the rest as a number. */
function namedOf(blocking: readonly string[]): Pick<RunImage, 'blocking' | 'blockingCut'> {
  if (blocking.length === 0) return {};
  const cut = blocking.length - MAX_BLOCKING;
  return { blocking: blocking.slice(0, MAX_BLOCKING), ...(cut > 0 && { blockingCut: cut }) };
}

/** Only what is known: status has no place for the rest. */
function known<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function shortened(message: string): string {
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : message;
}

function severityOf({ worst, severities = {} }: ImageResult): RunImage['severity'] {
  const word = SEVERITIES.find((one) => one === worst);
  if (word === undefined) return undefined;
  const { Critical, High, Medium, Low, Unknown } = severities;
  const counts = { critical: Critical, high: High, medium: Medium, low: Low, unknown: Unknown };
  const counted = Object.entries(counts).filter(([, number]) => number !== undefined && number > 0);
  return { worst: word, ...Object.fromEntries(counted) };
}

/** Kubernetes writes times to the second. */
const secondOf = (moment: Date | undefined): string | undefined =>
  moment?.toISOString().replace(/\.\d+Z$/, 'Z');
