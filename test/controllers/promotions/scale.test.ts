import { expect } from 'chai';
import type { Fate } from './fixture.ts';
import { candidates } from './fixture.ts';
import { controllerFixture } from './controller-fixture.ts';

const TAGS = Array.from({ length: 500 }, (_, index) => `22.${String(index)}.0-bookworm-slim`);
const IDS = Array.from({ length: 60 }, (_, index) => `CVE-2026-${String(10_000 + index)}`);
const LONG = 'a finding that takes many words to describe, '.repeat(20);

/** Of 500 images 20 are blocked and 5 break; each has the longest findings that are possible. */
function fate(tag: string): Fate {
  const index = TAGS.indexOf(tag);
  const severities = { Unknown: 3, Low: 200, Medium: 150, High: 40, Critical: 20 };
  if (index % 25 === 3)
    return {
      decision: 'Blocked',
      reason: 'Vulnerable',
      message: LONG,
      worst: 'Critical',
      severities,
      blocking: IDS,
    };
  if (index % 100 === 7)
    return { decision: 'Failed', reason: 'CopyIncomplete', message: LONG, transient: false };
  return {
    decision: 'Promoted',
    bytes: 31_457_280,
    blobs: { mounted: 4, copied: 3, skipped: 2 },
    attachments: { found: 5, carried: 4, leftByRule: 1 },
    worst: 'Low',
    severities,
    startedAt: new Date('2026-11-01T00:00:00Z'),
    finishedAt: new Date('2026-11-01T00:00:30Z'),
  };
}

describe('a promotion of 500 tags', () => {
  it('promotes 475 of them, keeps its status small, reports each changed decision once, and reports nothing on a second run without changes', async () => {
    const all = controllerFixture({ candidates: candidates(...TAGS), fate, imageMs: 200 });
    let largest = 0;
    const { onWrite } = all.store;
    all.store.onWrite = (run) => {
      largest = Math.max(largest, Buffer.byteLength(JSON.stringify(run.status)));
      onWrite(run);
    };
    all.lead();
    all.put();
    await all.time.pass(200_000);
    expect(all.status().counts).to.deep.equal({
      candidates: 500,
      promoted: 475,
      upToDate: 0,
      skipped: 0,
      blocked: 20,
      awaitingApproval: 0,
      failed: 5,
    });
    const [run] = all.runs();
    const { images = [], cut } = run?.status ?? {};
    expect(images.filter(({ decision }) => decision !== 'Promoted')).to.have.lengthOf(25);
    expect(images.length + (cut ?? 0)).to.equal(500);
    expect(images.length).to.be.within(100, 200);
    expect(largest).to.be.lessThan(100_000);
    expect(JSON.stringify(all.status()).length).to.be.lessThan(20_000);

    const about = (kind: string) => all.events.filter(({ regarding }) => regarding.kind === kind);
    expect(
      about('ImagePromotion')
        .map(({ action }) => action)
        .toSorted(),
    ).to.deep.equal([
      ...Array.from({ length: 20 }, () => 'Blocked'),
      ...Array.from({ length: 5 }, () => 'Failed'),
    ]);
    expect(about('ImagePromotionRun').map(({ note }) => note.split(' ')[0])).to.deep.equal(['475']);
    expect(all.counted.filter((one) => one.startsWith('Blocked/Vulnerable'))).to.have.lengthOf(20);
    const counted = all.counted.map((one) => Number(one.split('/').at(-1)));
    expect(counted.reduce((sum, count) => sum + count, 0)).to.equal(500);
    expect(all.store.written()).to.be.lessThan(25);

    all.events.length = 0;
    all.fixture.fake = {
      candidates: candidates(...TAGS).map((one) =>
        fate(one.tag).decision === 'Promoted' ? { ...one, atTarget: one.expected } : one,
      ),
      fate,
    };
    all.put({ metadata: { annotations: { 'reconcile.pratique.dev/requestedAt': 'again' } } });
    await all.time.pass(60_000);
    expect(all.status().counts).to.include({ upToDate: 475, blocked: 20, failed: 5 });
    expect(all.events).to.deep.equal([]);
  });

  it('stays below the size limit of etcd with the largest number of tags for one run, when all of them move', async () => {
    const many = Array.from({ length: 4_000 }, (_, index) => `22.${String(index)}.0-bookworm-slim`);
    const moved = candidates(...many).map((one, index) => ({
      ...one,
      atTarget: candidates(`old-${String(index)}`)[0]?.digest ?? one.digest,
    }));
    const all = controllerFixture({ candidates: moved });
    let largest = 0;
    const { onWrite } = all.store;
    all.store.onWrite = (run) => {
      largest = Math.max(largest, Buffer.byteLength(JSON.stringify(run.status)));
      onWrite(run);
    };
    all.lead();
    all.put();
    await all.time.pass(5_000);
    expect(all.status().counts).to.include({ promoted: 4_000 });
    expect(largest).to.be.lessThan(1_000_000);
  });
});
