import { definedFields, type Reason } from '../../../core/model/index.ts';
import {
  COUNTED,
  countResults,
  cutRunImages,
  MAX_PINS,
  plannedResult,
  rowName,
  runImage,
  type Discovery,
  type ImagePromotionRunStatus,
  type ImageResult,
  type LeftOut,
  type PlannedImage,
} from '../../../core/promotion/index.ts';
import { isWork, pendingImage, readPins, type Pin } from '../run/pins.ts';

/** The state of a run's images while it is executed. */
export interface RunProgress {
  /** Images that are not done, in the order of the plan. */
  readonly pins: () => readonly Pin[];
  /** Records the result of an image, the first time that it is reported. */
  readonly record: (result: ImageResult) => void;
  /** The fields of the status that report it. */
  readonly fields: () => Required<Omit<ReportedFields, 'pending'>> & Pick<ReportedFields, 'pending'>;
}

type ReportedFields = Pick<
  ImagePromotionRunStatus,
  'plan' | 'counts' | 'images' | 'cut' | 'pending' | 'requests' | 'bytes' | 'spared'
>;
type Plan = NonNullable<ImagePromotionRunStatus['plan']>;

/** Bytes of images and pins together: with everything else a status stays below 100 KB, unless pins alone are more. */
const MAX_BYTES = 84_000;
/** Bytes that rows may take however many pins there are: the most important rows are always written. */
const MIN_ROW_BYTES = 16_000;
/** Most tags listed in a plan that it overwrites at the target. */
const MAX_OVERWRITES = 20;

/** Why tags are left out that the rules by name select. */
const RANKED: ReadonlySet<string> = new Set([
  'TooYoung',
  'AgeUnknown',
  'NotNewest',
] satisfies LeftOut['why'][]);

/** The progress of a run that was just planned, to be stored before the first step, or why no step begins. */
export function planProgress(
  discovery: Discovery,
): { readonly ok: true; readonly progress: RunProgress } | { readonly ok: false; readonly reason: Reason } {
  if (discovery.state === 'refused') return { ok: false, reason: discovery.reason };
  const { nothing, leftOut, repositories } = discovery;
  const images = repositories ? asManyAsFit(discovery.images) : discovery.images;
  const pins = images.filter(isWork).map((planned): Pin => ({ planned }));
  const work = pins.length;
  if (work > MAX_PINS) {
    const detail = `${String(work)} images have something to do and one run takes ${String(MAX_PINS)}; select fewer tags at first`;
    return { ok: false, reason: { code: 'LimitExceeded', detail } };
  }
  const overwrites = images.flatMap((image) =>
    image.action === 'Move' && image.overwrites !== undefined ? [image.tag] : [],
  );
  const plan: Plan = {
    candidates: images.length,
    upToDate: images.filter(({ action }) => action === 'UpToDate').length,
    work,
    repositories: repositories?.length,
    leftOut: leftOut?.filter(({ why }) => RANKED.has(why)).length,
    nothing,
    overwrites: overwrites.length > 0 ? overwrites.slice(0, MAX_OVERWRITES) : undefined,
  };
  const counts = { ...countResults([]), candidates: images.length };
  const progress = progressOf(pins, plan, { counts });
  // Images without work are recorded at once.
  for (const image of images) if (!isWork(image)) progress.record(plannedResult(image));
  return { ok: true, progress };
}

/**
 * Bytes that the pins of a run from many repositories may have as JSON: an object of etcd has 1.5 MiB at most, and each of them names
 * its repository.
 */
const MAX_PIN_BYTES = 900_000;

/** Of a plan with more work than one run takes, the first part; what is left fails for now, and the next run begins with it. */
function asManyAsFit(images: readonly PlannedImage[]): readonly PlannedImage[] {
  const message = `one run takes ${String(MAX_PINS)} images, and less where names are long; the next run takes this one`;
  let [pins, bytes] = [0, 0];
  return images.map((image) => {
    if (!isWork(image)) return image;
    pins += 1;
    bytes += JSON.stringify(pendingImage({ planned: image })).length + 1;
    if (pins <= MAX_PINS && bytes <= MAX_PIN_BYTES) return image;
    const { repository, tag, digest } = image;
    return {
      ...definedFields({ repository, tag, digest }),
      ...{ action: 'Fail', reason: 'LimitExceeded', message, transient: true },
    };
  });
}

/** Continues from the progress that a status holds, with its plan. */
export function openProgress(status: ImagePromotionRunStatus, plan: Plan): RunProgress {
  return progressOf(readPins(status), plan, status);
}

/** How many planned images a stored status has neither a result nor a readable pin for. */
export function missingImages({ counts, ...pinned }: ImagePromotionRunStatus): number {
  const { candidates = 0, ...done } = counts ?? {};
  const waitForWork = readPins(pinned).filter(({ gateHash }) => gateHash === undefined);
  return candidates - waitForWork.length - Object.values(done).reduce((sum, count) => sum + count, 0);
}

function progressOf(planned: readonly Pin[], plan: Plan, before: ImagePromotionRunStatus): RunProgress {
  const pins = new Map(planned.map((pin) => [rowName(pin.planned), pin]));
  const rows = new Map(before.images?.map((row) => [rowName(row), row]));
  const recorded = new Set<string>();
  const counts = { ...(before.counts ?? countResults([])) };
  let { cut = 0, requests = 0, bytes = 0, spared = { mounted: 0, skipped: 0 } } = before;

  const replaceWaiting = (name: string): void => {
    counts.awaitingApproval -= 1;
    if (!rows.delete(name)) cut -= 1;
  };
  const record = (result: ImageResult): void => {
    const name = rowName(result);
    if (recorded.has(name)) return;
    recorded.add(name);
    const pin = pins.get(name);
    if (pin?.gateHash !== undefined) replaceWaiting(name);
    if (pin) settle(pins, pin, result);
    const counted = COUNTED[result.decision];
    if (counted) counts[counted] += 1;
    rows.set(name, runImage(result));
    requests += result.requests ?? 0;
    bytes += result.bytes;
    const { mounted, skipped } = result.spared ?? { mounted: 0, skipped: 0 };
    spared = { mounted: spared.mounted + mounted, skipped: spared.skipped + skipped };
  };
  return {
    pins: () => [...pins.values()],
    record,
    fields: () => {
      const pending = [...pins.values()].map(pendingImage);
      const pinBytes = JSON.stringify(pending).length;
      const images = cutRunImages([...rows.values()], Math.max(MIN_ROW_BYTES, MAX_BYTES - pinBytes));
      return {
        ...{ plan, counts: { ...counts }, requests, bytes, spared, images: [...images] },
        cut: cut + rows.size - images.length,
        pending: pending.length > 0 ? pending : undefined,
      };
    },
  };
}

/** An image that is done needs no pin; one that waits is pinned with what the gates found. */
function settle(pins: Map<string, Pin>, { planned }: Pin, { decision, gateHash }: ImageResult): void {
  const name = rowName(planned);
  if (decision === 'AwaitingApproval' && gateHash !== undefined) pins.set(name, { planned, gateHash });
  else pins.delete(name);
}
