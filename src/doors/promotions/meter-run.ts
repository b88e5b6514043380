import type { ImageDecision, RunImage } from '../../core/promotion/index.ts';
import type { PromotionMeter } from './ports.ts';
import type { CountedRun } from './promotion-status.ts';

/** Counts the images and bytes of a run that has ended. */
export function meterRun(meter: PromotionMeter, { run, fresh }: CountedRun): void {
  const { images = [], bytes = 0 } = run.object.status ?? {};
  const rows = fresh ?? images;
  for (const { decision, reason = '' } of rows) meter.images(decision, reason, 1);
  meter.bytes('copied', fresh ? fresh.reduce((sum, row) => sum + (row.bytes ?? 0), 0) : bytes);
  if (!fresh) for (const [decision, count] of cutOf(run)) meter.images(decision, '', count);
}

/** The images of which no row tells: rows are cut of what went well first, so that nothing is lost but a few reasons. */
function cutOf({ object: { status = {} } }: CountedRun['run']): readonly (readonly [string, number])[] {
  const { images = [], counts } = status;
  if (!counts) return [];
  const told = (...decisions: readonly ImageDecision[]): number =>
    images.filter(({ decision }: RunImage) => decisions.includes(decision)).length;
  const mirrors = told('Mirrored') > 0;
  const left: readonly (readonly [string, number])[] = [
    [mirrors ? 'Mirrored' : 'Promoted', counts.promoted - told('Mirrored', 'Promoted')],
    ['UpToDate', counts.upToDate - told('UpToDate')],
    ['Skipped', counts.skipped - told('Skipped')],
    ['Blocked', counts.blocked - told('Blocked')],
    ['Failed', counts.failed - told('Failed')],
  ];
  return left.filter(([, count]) => count > 0);
}
