import { expect } from 'chai';
import { digestOf } from '../../src/core/model/index.ts';
import type { ImageResult } from '../../src/core/promotion/index.ts';
import { lineOf, showProgress } from '../../src/cli/promotion/progress-bar.ts';
import { bytesIn } from '../../src/cli/promotion/report.ts';

const MIB = 1024 * 1024;
const result = (tag: string, more: Partial<ImageResult> = {}): ImageResult => ({
  tag,
  digest: digestOf(tag),
  decision: 'Promoted',
  bytes: 0,
  blobs: { mounted: 0, copied: 0, skipped: 0 },
  attachments: { found: 0, carried: 0, leftByRule: 0 },
  ...more,
});

describe('the line of progress', () => {
  it('shows images, bytes, rate, time left and the current step', () => {
    const line = lineOf({
      done: 2,
      images: 5,
      bytes: 12 * MIB,
      total: 48 * MIB,
      elapsedMs: 2_000,
      doing: 'copy 1.4.2',
    });
    expect(line).to.equal(
      '[######··················] 2/5 images, 12.0 MiB of 48.0 MiB, 6.0 MiB/s, 6 s left: copy 1.4.2',
    );
  });

  it('shows no rate before it is meaningful, and no bytes before they are known', () => {
    const early = lineOf({ done: 0, images: 2, bytes: MIB, total: 0, elapsedMs: 10, doing: 'scan 1' });
    expect(early).to.equal('[························] 0/2 images: scan 1');
  });

  it('is full at the end, also when more bytes came than expected', () => {
    const line = lineOf({
      done: 1,
      images: 1,
      bytes: 3 * MIB,
      total: 2 * MIB,
      elapsedMs: 500,
      doing: 'tag 1',
    });
    expect(line).to.equal('[########################] 1/1 images, 3.0 MiB of 2.0 MiB');
  });
});

describe('progress', () => {
  const at = (ms: number) => new Date(ms);

  it('is one line for each image without a terminal', () => {
    let text = '';
    const write = (more: string) => (text += more);
    const progress = showProgress({ images: 2, clock: () => at(0), write, interactive: false });
    progress.onStep('1', 'copy');
    progress.onBytes('1', MIB);
    progress.onResult(result('1', { bytes: MIB }));
    progress.onResult(result('2', { decision: 'Blocked', reason: 'Vulnerable' }));
    progress.end();
    expect(text).to.equal('[1/2] 1: Promoted, 1.0 MiB\n[2/2] 2: Blocked (Vulnerable)\n');
  });

  it('redraws on a terminal, ten times a second at most, and always for a finished image', () => {
    let now = 1_000;
    const drawn: string[] = [];
    const progress = showProgress({
      images: 1,
      clock: () => at(now),
      write: (text) => drawn.push(text),
      interactive: true,
    });
    progress.onExpected('1', 1_000);
    for (let n = 0; n < 100; n += 1) progress.onBytes('1', 10);
    expect(drawn).to.have.lengthOf(1);
    now += 100;
    progress.onStep('1', 'tag');
    progress.onResult(result('1'));
    progress.end();
    expect(drawn).to.have.lengthOf(5);
    expect(drawn[2]).to.match(/^\r\[#{24}\] 1\/1 images, 1000 B of 1000 B.*\u001b\[K$/);
    expect(drawn.at(-1)).to.equal('\n');
  });
});

describe('bytes in readable units', () => {
  const rows: readonly [number, string][] = [
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_536, '1.5 KiB'],
    [5 * MIB, '5.0 MiB'],
    [3 * 1024 * MIB, '3.0 GiB'],
  ];
  for (const [bytes, text] of rows)
    it(`${String(bytes)} are ${text}`, () => {
      expect(bytesIn(bytes)).to.equal(text);
    });
});
