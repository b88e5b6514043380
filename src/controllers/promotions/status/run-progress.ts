import type { Reason } from '../../../core/model/index.ts';
import {
  cutRunImages,
  MAX_PINS,
  runImage,
  type Discovery,
  type ImageDecision,
  type ImagePromotionRunStatus,
  type ImageResult,
  type PlannedImage,
  type RunImage,
} from '../../../core/promotion/index.ts';
import { isWork, pendingImage, readPins, type Pin } from '../run/pins.ts';

/** The state of a run's images while it is executed. */
export interface RunProgress {
  /** Images that are not done, in the order of the plan. */
  readonly pins: () => readonly Pin[];
  /** Records the result of an image, the first time that it is reported. */
  readonly record: (result: ImageResult) => void;
  /** The fields of the status that report it. */
  readonly fields: () => RunProgressStatus;
}

/** The fields of a run's status that the run progress writes. */
export type RunProgressStatus = Required<Pick<ImagePromotionRunStatus, 'counts' | 'images' | 'cut'>> &
  Pick<ImagePromotionRunStatus, 'pending'> &
  Sums;

/** The sums over all images. */
interface Sums {
  readonly requests: number;
  readonly bytes: number;
  readonly spared: { readonly mounted: number; readonly skipped: number };
}

type Counts = Record<keyof NonNullable<ImagePromotionRunStatus['counts']>, number>;

/** Bytes of images and pins together: with everything else a status stays below 100 KB, unless pins alone are more. */
const MAX_BYTES = 84_000;
/** Bytes that rows may take however many pins there are: the most important rows are always written. */
const MIN_ROW_BYTES = 16_000;

const NOTHING: Counts = {
  candidates: 0,
  promoted: 0,
  upToDate: 0,
  skipped: 0,
  blocked: 0,
  awaitingApproval: 0,
  failed: 0,
};

const NO_SUMS: Sums = { requests: 0, bytes: 0, spared: { mounted: 0, skipped: 0 } };

const COUNTED: Readonly<Record<ImageDecision, keyof Counts | undefined>> = {
  Mirrored: 'promoted',
  Promoted: 'promoted',
  UpToDate: 'upToDate',
  Skipped: 'skipped',
  Blocked: 'blocked',
  AwaitingApproval: 'awaitingApproval',
  Failed: 'failed',
  Planned: undefined,
};

/** Begins the progress of a run that was just planned: images without work are recorded at once, the rest is pinned. */
export function beginProgress(planned: readonly PlannedImage[]): RunProgress {
  const pins = planned.filter(isWork).map((image): Pin => ({ planned: image }));
  const runProgress = keep({
    pins,
    counts: { ...NOTHING, candidates: planned.length },
    rows: [],
    others: 0,
    sums: NO_SUMS,
  });
  for (const image of planned) if (!isWork(image)) runProgress.record(settledBy(image));
  return runProgress;
}

/** Continues from the progress that a status holds. */
export function openProgress(status: ImagePromotionRunStatus): RunProgress {
  const { counts = NOTHING, images = [], cut = 0 } = status;
  const { requests = 0, bytes = 0, spared = NO_SUMS.spared } = status;
  return keep({
    pins: readPins(status),
    counts: { ...counts },
    rows: images,
    others: cut,
    sums: { requests, bytes, spared },
  });
}

interface Kept {
  readonly pins: readonly Pin[];
  readonly counts: Counts;
  readonly rows: readonly RunImage[];
  /** Images that appear in the counts only. */
  readonly others: number;
  readonly sums: Sums;
}

function keep(kept: Kept): RunProgress {
  const pins = new Map(kept.pins.map((pin) => [pin.planned.tag, pin]));
  const rows = new Map(kept.rows.map((row) => [row.tag, row]));
  const recorded = new Set<string>();
  const { counts } = kept;
  let { others, sums } = kept;

  const replaceWaiting = (tag: string): void => {
    counts.awaitingApproval -= 1;
    if (!rows.delete(tag)) others -= 1;
  };
  const record = (result: ImageResult): void => {
    if (recorded.has(result.tag)) return;
    recorded.add(result.tag);
    const pin = pins.get(result.tag);
    if (pin?.gateHash !== undefined) replaceWaiting(result.tag);
    if (pin) settle(pins, pin, result);
    const counted = COUNTED[result.decision];
    if (counted) counts[counted] += 1;
    rows.set(result.tag, runImage(result));
    sums = addTo(sums, result);
  };
  return {
    pins: () => [...pins.values()],
    record,
    fields: () => {
      const pending = [...pins.values()].map(pendingImage);
      const pinBytes = JSON.stringify(pending).length;
      const images = cutRunImages([...rows.values()], Math.max(MIN_ROW_BYTES, MAX_BYTES - pinBytes));
      return {
        counts: { ...counts },
        images: [...images],
        cut: others + rows.size - images.length,
        ...sums,
        ...(pending.length > 0 && { pending }),
      };
    },
  };
}

function addTo({ requests, bytes, spared }: Sums, result: ImageResult): Sums {
  const { mounted, skipped } = result.spared ?? { mounted: 0, skipped: 0 };
  return {
    requests: requests + (result.requests ?? 0),
    bytes: bytes + result.bytes,
    spared: { mounted: spared.mounted + mounted, skipped: spared.skipped + skipped },
  };
}

function settledBy(planned: PlannedImage): ImageResult {
  const { tag, digest, action } = planned;
  const row = { tag, ...(digest && { digest }), bytes: 0, blobs: NO_BLOBS, attachments: NO_ATTACHMENTS };
  if (action === 'Move' || action === 'UpToDate') return { ...row, decision: 'UpToDate' };
  const { reason, message } = planned;
  const decision = ({ Skip: 'Skipped', Block: 'Blocked', Fail: 'Failed' } as const)[action];
  return { ...row, decision, reason, message, ...(action === 'Fail' && { transient: planned.transient }) };
}

const NO_BLOBS = { mounted: 0, copied: 0, skipped: 0 };
const NO_ATTACHMENTS = { found: 0, carried: 0, leftByRule: 0 };

/** An image that is done needs no pin; one that waits is pinned with what the gates found. */
function settle(pins: Map<string, Pin>, { planned }: Pin, { decision, gateHash }: ImageResult): void {
  if (decision === 'AwaitingApproval' && gateHash !== undefined) pins.set(planned.tag, { planned, gateHash });
  else pins.delete(planned.tag);
}

/** A plan, ready to be stored. */
export interface Planned {
  readonly runProgress: RunProgress;
  readonly plan: NonNullable<ImagePromotionRunStatus['plan']>;
}

/** Most tags listed in a plan that it overwrites at the target. */
const MAX_OVERWRITES = 20;

/** The part of a plan that is stored before the first step, or why no step begins. */
export function planProgress(
  discovery: Discovery,
): ({ readonly ok: true } & Planned) | { readonly ok: false; readonly reason: Reason } {
  if (discovery.state === 'refused') return { ok: false, reason: discovery.reason };
  const { images, nothing } = discovery;
  const work = images.filter(isWork).length;
  if (work > MAX_PINS) {
    const detail = `${String(work)} images have something to do and one run takes ${String(MAX_PINS)}; select fewer tags at first`;
    return { ok: false, reason: { code: 'LimitExceeded', detail } };
  }
  const overwrites = images.flatMap((image) =>
    image.action === 'Move' && image.overwrites !== undefined ? [image.tag] : [],
  );
  const plan = {
    candidates: images.length,
    upToDate: images.filter(({ action }) => action === 'UpToDate').length,
    work,
    ...(nothing !== undefined && { nothing }),
    ...(overwrites.length > 0 && { overwrites: overwrites.slice(0, MAX_OVERWRITES) }),
  };
  return { ok: true, runProgress: beginProgress(images), plan };
}
