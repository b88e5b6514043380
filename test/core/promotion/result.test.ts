import { expect } from 'chai';
import { parseDigest } from '../../../src/core/model/index.ts';
import { cutRunImages, runImage, type ImageResult } from '../../../src/core/promotion/index.ts';
import { runImageSchema } from '../../../src/core/promotion/schema/run.ts';
import { digestOfLetter } from '../../support/promotions/promotions.ts';

const digest = parseDigest(digestOfLetter('a'))!;
const STILL = {
  bytes: 0,
  blobs: { mounted: 0, copied: 0, skipped: 0 },
  attachments: { found: 0, carried: 0, leftByRule: 0 },
};
const result = (
  tag: string,
  decision: ImageResult['decision'],
  more: Partial<ImageResult> = {},
): ImageResult => ({
  tag,
  digest,
  decision,
  ...STILL,
  ...more,
});
const blocked = (tag: string) =>
  result(tag, 'Blocked', {
    reason: 'Vulnerable',
    transient: false,
    message: 'x'.repeat(2_000),
    worst: 'Critical',
    severities: { Critical: 30, High: 4, Low: 0 },
    blocking: Array.from({ length: 30 }, (_, index) => `CVE-2026-${String(10_000 + index)}`),
    gateHash: 'f'.repeat(64),
    reportDigest: digest,
  });
const list = (length: number, make: (tag: string) => ImageResult, from = 0) =>
  Array.from({ length }, (_, index) => make(`1.0.${String(from + index)}`));
const runImages = (results: readonly ImageResult[]) => {
  const images = cutRunImages(results.map(runImage));
  return { images, cut: results.length - images.length };
};
const moved = (tag: string) =>
  result(tag, 'Promoted', {
    targetDigest: digest,
    overwrote: digest,
    backup: '1.0.0.replaced-aaaaaaaaaaaa',
    approvedBy: 'jane@example.com',
    exceptionsUntil: new Date('2026-12-31T23:59:59.999Z'),
    bytes: 123_456_789,
    blobs: { mounted: 3, copied: 4, skipped: 5 },
    attachments: { found: 7, carried: 5, leftByRule: 2 },
    startedAt: new Date('2026-06-15T12:00:00.123Z'),
    finishedAt: new Date('2026-06-15T12:01:00.9Z'),
  });

describe('the rows of a run in its status', () => {
  it('O48: text from outside adds no line to the result of an image, and hides none', () => {
    const { message } = runImage(
      result('1.0', 'Blocked', { message: 'CVE-1\u001b[2J\nPromoted\u2028\u202e' }),
    );
    expect(message).to.equal('CVE-1 [2J Promoted ');
  });

  it('have the fields of the results, shortened', () => {
    expect(runImages([moved('1.0.0'), blocked('1.0.1'), result('1.0.2', 'UpToDate')]).images).to.deep.equal([
      {
        tag: '1.0.0',
        source: digest,
        target: digest,
        decision: 'Promoted',
        overwrote: digest,
        backup: '1.0.0.replaced-aaaaaaaaaaaa',
        approvedBy: 'jane@example.com',
        exceptionsUntil: '2026-12-31T23:59:59.999Z',
        bytes: 123_456_789,
        blobs: { mounted: 3, copied: 4, skipped: 5 },
        attachments: { found: 7, carried: 5, leftByRule: 2 },
        startTime: '2026-06-15T12:00:00Z',
        completionTime: '2026-06-15T12:01:00Z',
      },
      {
        tag: '1.0.1',
        source: digest,
        decision: 'Blocked',
        reason: 'Vulnerable',
        transient: false,
        message: `${'x'.repeat(255)}…`,
        severity: { worst: 'Critical', critical: 30, high: 4 },
        blocking: Array.from({ length: 20 }, (_, index) => `CVE-2026-${String(10_000 + index)}`),
        blockingCut: 10,
        report: digest,
        gateHash: 'f'.repeat(64),
      },
      { tag: '1.0.2', source: digest, decision: 'UpToDate' },
    ]);
  });

  it('of 500 tags with 20 blocked and 5 failed include all of those 25, in the order of the run, below 100 KB', () => {
    const failed = (tag: string) =>
      result(tag, 'Failed', { reason: 'RegistryUnavailable', message: 'x'.repeat(300) });
    const { images, cut } = runImages([
      ...list(400, moved),
      ...list(20, blocked, 400),
      ...list(75, moved, 420),
      ...list(5, failed, 495),
    ]);
    expect(images.length).to.be.within(100, 200);
    expect(images.length + cut).to.equal(500);
    expect(images.filter(({ decision }) => decision === 'Blocked')).to.have.length(20);
    expect(images.filter(({ decision }) => decision === 'Failed')).to.have.length(5);
    expect(images.map(({ tag }) => Number(tag.slice(4)))).to.deep.equal(
      images.map(({ tag }) => Number(tag.slice(4))).sort((a, b) => a - b),
    );
    expect(JSON.stringify(images).length).to.be.below(100_000);
    for (const image of images) expect(runImageSchema.safeParse(image).success).to.be.true;
  });

  it('leave out images that were up to date before images that moved', () => {
    const { images, cut } = runImages([
      ...list(190, (tag) => result(tag, 'UpToDate')),
      ...list(50, (tag) => result(tag, 'Mirrored'), 190),
    ]);
    expect(images.filter(({ decision }) => decision === 'Mirrored')).to.have.length(50);
    expect([images.length, cut]).to.deep.equal([200, 40]);
  });

  it('stay small when every image is blocked with long messages', () => {
    const { images, cut } = runImages(list(500, blocked));
    expect(JSON.stringify(images).length).to.be.below(81_000);
    expect(images.length + cut).to.equal(500);
  });
});
