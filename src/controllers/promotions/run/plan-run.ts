import type { Reason } from '../../../core/model/index.ts';
import { MAX_PINS, type Discovery, type ImagePromotionRunStatus } from '../../../core/promotion/index.ts';
import { beginProgress, type RunProgress } from '../status/run-progress.ts';
import { isWork } from './pins.ts';

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
