import { expect } from 'chai';
import { createByteBudget, createSpending } from '../../../src/core/evidence/byte-budget.ts';

const MIB = 1024 * 1024;
const forever = new AbortController().signal;

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

const share = (owner: string, registry = 'registry.example.com') => ({ owner, registry });

describe('a budget of bytes', () => {
  it('M05: holds no more than its total, and goes on when bytes are given back', async () => {
    const budget = createByteBudget(16 * MIB); // 12 MiB of it for large ones, half of that for one owner
    const first = await budget.reserve(6 * MIB, share('a', 'one'), forever);
    await budget.reserve(6 * MIB, share('b', 'two'), forever);
    const third = budget.reserve(MIB, share('c', 'three'), forever);
    expect(await isSettled(third)).to.equal(false);
    first?.();
    first?.();
    expect(await third).to.be.a('function');
    expect(budget.held()).to.equal(7 * MIB);
  });

  for (const [title, second, third] of [
    ['owner', share('a', 'two'), share('b', 'three')],
    ['registry', share('b', 'one'), share('c', 'two')],
  ] as const) {
    it(`M05: one ${title} holds half of it at most, and another goes before`, async () => {
      const budget = createByteBudget(16 * MIB);
      await budget.reserve(4 * MIB, share('a', 'one'), forever);
      const more = budget.reserve(4 * MIB, second, forever);
      expect(await budget.reserve(4 * MIB, third, forever)).to.be.a('function');
      expect(await isSettled(more)).to.equal(false);
    });
  }

  it('M05: one that holds nothing may take a body of any size; more than all is all', async () => {
    const budget = createByteBudget(16 * MIB);
    const release = await budget.reserve(100 * MIB, share('a'), forever);
    expect(budget.held()).to.equal(12 * MIB);
    release?.();
    expect(budget.held()).to.equal(0);
  });

  it('M05: small ones never wait for large ones', async () => {
    const budget = createByteBudget(16 * MIB);
    await budget.reserve(100 * MIB, share('a'), forever);
    expect(await budget.reserve(1_000, share('b'), forever)).to.be.a('function');
  });

  it('M05: a large one is not passed for ever by smaller ones that fit', async () => {
    const budget = createByteBudget(16 * MIB);
    const first = await budget.reserve(5 * MIB, share('a', 'one'), forever);
    const large = budget.reserve(12 * MIB, share('b', 'two'), forever);
    const later = budget.reserve(MIB, share('c', 'three'), forever);
    expect(await isSettled(later)).to.equal(false);
    first?.();
    const release = await large;
    expect(await isSettled(later)).to.equal(false);
    release?.();
    expect(await later).to.be.a('function');
  });

  it('M05: who waits too long leaves the line and keeps no one behind', async () => {
    const budget = createByteBudget(16 * MIB);
    await budget.reserve(12 * MIB, share('a', 'one'), forever);
    const waiting = new AbortController();
    const late = budget.reserve(12 * MIB, share('b', 'two'), waiting.signal);
    waiting.abort();
    expect(await late).to.equal(undefined);
    expect(await budget.reserve(MIB, share('c', 'three'), AbortSignal.abort())).to.equal(undefined);
  });

  it('M06: an owner is over its bytes of a minute, alone, until the minute ends', () => {
    let now = 0;
    const spending = createSpending(10, () => new Date(now));
    spending.spend('a', 9);
    expect(spending.isOver('a')).to.equal(false);
    now = 30_000;
    spending.spend('a', 1);
    expect([spending.isOver('a'), spending.isOver('b')]).to.deep.equal([true, false]);
    now = 60_000;
    expect(spending.isOver('a')).to.equal(false);
  });
});
