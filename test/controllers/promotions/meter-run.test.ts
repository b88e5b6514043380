import { expect } from 'chai';
import type { ImagePromotionRunStatus, RunImage } from '../../../src/core/promotion/index.ts';
import { knownRuns } from '../../../src/controllers/promotions/run-state.ts';
import { meterRun } from '../../../src/controllers/promotions/status/promotion-status.ts';
import { runObject } from './fixture.ts';

/** What is counted of a run with this status. */
function counted(status: ImagePromotionRunStatus, fresh?: readonly RunImage[]) {
  const bytes: Record<string, number> = {};
  const images: string[] = [];
  const meter = {
    bytes: (how: string, count: number) => void (bytes[how] = (bytes[how] ?? 0) + count),
    images: (decision: string, reason: string, count: number) =>
      void images.push(`${count} ${decision} ${reason}`.trim()),
    flagged: () => undefined,
    waiting: () => undefined,
  };
  const [run] = knownRuns([{ ...runObject({}), status }]);
  meterRun(meter, { run: run!, ...(fresh && { fresh }) });
  return { bytes, images };
}

describe('the metrics of a run that has ended', () => {
  const rows: RunImage[] = [
    { tag: '1', decision: 'Promoted', bytes: 5, spared: { mounted: 3, skipped: 1 } },
    { tag: '2', decision: 'Blocked', reason: 'Vulnerable' },
  ];
  const status = {
    images: rows,
    counts: {
      candidates: 4,
      promoted: 2,
      upToDate: 1,
      skipped: 0,
      blocked: 1,
      awaitingApproval: 0,
      failed: 0,
    },
    bytes: 20,
    spared: { mounted: 9, skipped: 4 },
  };

  it('count bytes as copied, mounted or skipped, also those of images without a row', () => {
    expect(counted(status)).to.deep.equal({
      bytes: { copied: 20, mounted: 9, skipped: 4 },
      images: ['1 Promoted', '1 Blocked Vulnerable', '1 Promoted', '1 UpToDate'],
    });
  });

  it('count only the new rows of a run that was continued', () => {
    expect(counted(status, rows.slice(0, 1))).to.deep.equal({
      bytes: { copied: 5, mounted: 3, skipped: 1 },
      images: ['1 Promoted'],
    });
  });
});
