import { expect } from 'chai';
import type { Digest } from '../../src/core/model/index.ts';
import type { ImageResult } from '../../src/core/promotion/index.ts';
import { exitOfResults, reportResults } from '../../src/cli/promotion/report.ts';
import { digestOfLetter } from '../support/promotions/promotions.ts';

const NOTHING = {
  bytes: 0,
  blobs: { mounted: 0, copied: 0, skipped: 0 },
  attachments: { found: 0, carried: 0, leftByRule: 0 },
};
const row = (
  tag: string,
  decision: ImageResult['decision'],
  more: Partial<ImageResult> = {},
): ImageResult => ({
  ...NOTHING,
  tag,
  digest: digestOfLetter('a') as Digest,
  decision,
  ...more,
});
const reported = (...rows: readonly ImageResult[]) => [{ name: 'app', source: 'a/x', target: 'b/x', rows }];
const linesOf = (...rows: readonly ImageResult[]) =>
  reportResults(reported(...rows), 'text')
    .trimEnd()
    .split('\n');

describe('the report of a run', () => {
  it('shows for each image the copied parts, and nothing about empty ones', () => {
    const moved = { bytes: 2_048, blobs: { copied: 2, mounted: 1, skipped: 0 } };
    const [, , first, second] = linesOf(
      row('1.4.2', 'Promoted', { ...moved, attachments: { found: 3, carried: 2, leftByRule: 1 } }),
      row('1.4.1', 'Promoted', moved),
    );
    expect(first).to.equal(
      '  1.4.2  sha256:aaaaaaaaaaaa  Promoted  ' +
        'blobs: 2 copied (2.0 KiB), 1 mounted; attachments: 3 found, 2 carried, 1 left by rule',
    );
    expect(second).to.equal('  1.4.1  sha256:aaaaaaaaaaaa  Promoted  blobs: 2 copied (2.0 KiB), 1 mounted');
  });

  it('shows why an image was not promoted, and which cleanup failed for a promoted one', () => {
    const lines = linesOf(
      row('2', 'Blocked', { reason: 'Vulnerable', message: 'CVE-2026-1 (High) block it' }),
      row('1', 'Promoted', { message: 'the source was not deleted' }),
    );
    expect(lines[2]).to.match(/Blocked {3}Vulnerable: CVE-2026-1 \(High\) block it$/);
    expect(lines[3]).to.match(/Promoted {2}the source was not deleted$/);
  });

  it('counts images by decision', () => {
    expect(linesOf(row('1', 'Mirrored'), row('2', 'Failed')).at(-1)).to.equal(
      '2 images: 1 mirrored, 1 failed',
    );
    expect(linesOf(row('1', 'Promoted')).at(-1)).to.equal('1 image: 1 promoted');
    expect(linesOf(row('1', 'Planned')).at(-1)).to.equal('1 image: 1 planned');
    expect(linesOf().at(-1)).to.equal('0 images: nothing to do');
  });

  it('prints the same for scripts, with counts', () => {
    const { runs } = JSON.parse(reportResults(reported(row('1', 'UpToDate')), 'json')) as {
      runs: readonly { counts: { upToDate: number }; images: readonly { tag: string }[] }[];
    };
    expect(runs[0]?.counts.upToDate).to.equal(1);
    expect(runs[0]?.images[0]?.tag).to.equal('1');
  });

  for (const [decisions, code] of [
    [['Promoted', 'UpToDate', 'Skipped', 'Planned'], 0],
    [['Promoted', 'Blocked', 'Failed'], 1],
    [['AwaitingApproval'], 1],
    [['Failed', 'Promoted'], 2],
  ] as const)
    it(`ends with ${String(code)} for ${decisions.join(', ')}`, () => {
      expect(exitOfResults(reported(...decisions.map((one) => row('1', one))))).to.equal(code);
    });
});
