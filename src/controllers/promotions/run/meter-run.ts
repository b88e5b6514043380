import type { ImageDecision, RunImage } from '../../../core/promotion/index.ts';
import type { PromotionMeter } from '../ports.ts';
import type { CountedRun } from '../status/promotion-status.ts';

/** Counts the images and bytes of a run that has ended. */
export function meterRun(meter: PromotionMeter, { run, fresh }: CountedRun): void {
  const { status = {} } = run.object;
  const { images = [] } = status;
  const rows = fresh ?? images;
  for (const { decision, reason = '' } of rows) meter.images(decision, reason, 1);
  for (const one of fresh ?? [status]) meterBytes(meter, one);
  if (!fresh) for (const [decision, count] of cutOf(run)) meter.images(decision, '', count);
}

function meterBytes(
  meter: PromotionMeter,
  { bytes = 0, spared = { mounted: 0, skipped: 0 } }: Pick<RunImage, 'bytes' | 'spared'>,
): void {
  meter.bytes('copied', bytes);
  meter.bytes('mounted', spared.mounted);
  meter.bytes('skipped', spared.skipped);
}

/** The images that have no row: rows of successful images are cut first, so that only a few reasons are lost. */
function cutOf({ object: { status = {} } }: CountedRun['run']): readonly (readonly [string, number])[] {
  const { images = [], counts } = status;
  if (!counts) return [];
  const countOf = (...decisions: readonly ImageDecision[]): number =>
    images.filter(({ decision }: RunImage) => decisions.includes(decision)).length;
  const mirrors = countOf('Mirrored') > 0;
  const left: readonly (readonly [string, number])[] = [
    [mirrors ? 'Mirrored' : 'Promoted', counts.promoted - countOf('Mirrored', 'Promoted')],
    ['UpToDate', counts.upToDate - countOf('UpToDate')],
    ['Skipped', counts.skipped - countOf('Skipped')],
    ['Blocked', counts.blocked - countOf('Blocked')],
    ['Failed', counts.failed - countOf('Failed')],
  ];
  return left.filter(([, count]) => count > 0);
}
