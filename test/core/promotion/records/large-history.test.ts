import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { updateHistory } from '../../../../src/core/promotion/records/history-page.ts';
import { arrivalOf, bytesOf, nothing, store, theirEntry } from './histories.ts';

describe('a large history of a mirror', () => {
  const large = {
    ...nothing,
    entries: Array.from({ length: 1_000 }, (_, n) => theirEntry(`2.0.${String(n)}`)),
  };
  const { signal } = new AbortController();

  it('M36: a large one is read and written elsewhere, and loses nothing', async () => {
    let jobs = 0;
    const { put, book, stored } = store((question) => {
      jobs += 1;
      return Promise.resolve({ ok: true, value: updateHistory(structuredClone(question)) });
    });
    put([{ json: bytesOf(large), title: 'mirror-history.json' }]);
    const open = book();
    expect(await open.load(signal)).to.equal(undefined);
    expect(await open.add(arrivalOf('3.0.0'), signal)).to.equal(undefined);
    expect(jobs).to.equal(2);
    expect(stored().entries.slice(0, 1_000)).to.deep.equal(large.entries);
    const has = (tag: string) => open.has({ tag, digest: digestOf(tag) });
    expect([has('2.0.0'), has('2.0.999'), has('3.0.0'), has('4.0.0')]).to.deep.equal([
      true,
      true,
      true,
      false,
    ]);
  });

  for (const [failure, code, isThrown] of [
    ['exhausted', 'LimitExceeded', false],
    ['crowded', 'LimitExceeded', true],
    ['late', 'DeadlineExceeded', true],
    ['crashed', 'InternalError', true],
  ] as const)
    it(`M36: a large one that no thread reads (${failure}) is never taken for empty, and nothing is written`, async () => {
      const { put, book, kept } = store(async () => ({ ok: false, failure }));
      put([{ json: bytesOf(large), title: 'mirror-history.json' }]);
      const open = book();
      const failed = (doing: Promise<unknown>) => doing.catch((error: unknown) => error);
      for (const result of [
        await failed(open.load(signal)),
        await failed(open.add(arrivalOf('1'), signal)),
      ]) {
        expect(result).to.have.property('code', code);
        expect(result instanceof Error).to.equal(isThrown);
      }
      expect(kept.pushes).to.equal(0);
    });
});
