import { expect } from 'chai';
import type { Fact } from '../../../src/core/model/index.ts';
import { createMemory } from '../../../src/core/evidence/index.ts';
import type { Memory, MemoryLimits, MemoryOptions } from '../../../src/core/evidence/memory.ts';
import { UNKNOWN_FACT, NOW } from '../../support/policies.ts';
import { forever, LIMITS } from '../../support/verification.ts';

function memoryWith(limits: Partial<MemoryLimits> = {}, more: Partial<MemoryOptions> = {}) {
  let now = NOW.getTime();
  const clock = () => new Date(now);
  const memory = createMemory({ clock, limits: { ...LIMITS, ...limits }, loadSignal: forever, ...more });
  let loads = 0;
  const ask = (key: readonly string[], fact: Fact<string> = is('x'), view: Memory = memory) =>
    view.recall(
      {
        key,
        load: () => {
          loads += 1;
          return Promise.resolve(fact);
        },
      },
      forever(),
    );
  const pass = (ms: number) => {
    now += ms;
  };
  return { memory, ask, pass, loads: () => loads };
}

const is = (value: string): Fact<string> => ({ state: 'found', value, seenAt: NOW });
const absent: Fact<string> = { state: 'absent', seenAt: NOW };

describe('memory', () => {
  for (const [state, fact, ms] of [
    ['found', is('x'), LIMITS.foundMs],
    ['absent', absent, LIMITS.absentMs],
    ['unknown', UNKNOWN_FACT, LIMITS.unknownMs],
  ] as const) {
    it(`keeps a fact that is ${state} for ${ms} ms, and not longer`, async () => {
      const { ask, pass, loads } = memoryWith();
      expect(await ask(['a'], fact)).to.equal(fact);
      pass(ms - 1);
      expect(await ask(['a'], is('new'))).to.equal(fact);
      expect(loads()).to.equal(1);
      pass(1);
      expect(await ask(['a'], is('new'))).to.deep.equal(is('new'));
    });
  }

  it('T06: different keys never collide', async () => {
    const { ask } = memoryWith();
    const keys = [['a', 'b'], ['a b'], ['ab'], ['a,b'], ['a","b'], ['a'], ['', 'a'], ['a', ''], []];
    for (const key of keys) await ask(key, is(JSON.stringify(key)));
    for (const key of keys) expect(await ask(key)).to.deep.equal(is(JSON.stringify(key)));
  });

  it('its recent view ignores facts that are older than the lifetime of an absence', async () => {
    const { memory, ask, pass } = memoryWith();
    await ask(['a'], is('old'));
    pass(LIMITS.absentMs);
    expect(await ask(['a'], is('new'), memory.recent())).to.deep.equal(is('old'));
    pass(1);
    expect(memory.recent().peek(['a'])).to.be.undefined;
    expect(memory.peek(['a'])).to.deep.equal(is('old'));
    expect(await ask(['a'], is('new'), memory.recent())).to.deep.equal(is('new'));
    expect(await ask(['a'])).to.deep.equal(is('new'));
  });

  it('T13: a fact is as old as the beginning of its look-up, also where that was slow', async () => {
    const { memory, ask, pass } = memoryWith();
    const slowly = (key: string, fact: Fact<string>, ms: number) =>
      memory.recall(
        {
          key: [key],
          load: () => {
            pass(ms);
            return Promise.resolve(fact);
          },
        },
        forever(),
      );
    await slowly('found', is('old'), LIMITS.absentMs);
    await slowly('absent', absent, LIMITS.absentMs - 1);
    expect(memory.peek(['absent'])).to.equal(absent);
    pass(1);
    expect(memory.peek(['absent'])).to.be.undefined;
    expect(memory.recent().peek(['found'])).to.be.undefined;
    expect(await ask(['found'], is('new'), memory.recent())).to.deep.equal(is('new'));
    await slowly('late', is('old'), LIMITS.foundMs);
    expect(memory.peek(['late'])).to.be.undefined;
  });

  it('keeps an unknown from the end of its look-up: a registry that is slow to fail is asked no more often', async () => {
    const { memory, pass, ask, loads } = memoryWith();
    const load = () => {
      pass(LIMITS.absentMs + 1);
      return Promise.resolve(UNKNOWN_FACT);
    };
    await memory.recall({ key: ['a'], load }, forever());
    pass(LIMITS.unknownMs - 1);
    expect(await ask(['a'], is('new'), memory.recent())).to.equal(UNKNOWN_FACT);
    expect(loads()).to.equal(0);
  });

  it('removes the oldest facts when there are too many', async () => {
    const { memory, ask } = memoryWith({ maxFacts: 2 });
    for (const key of ['a', 'b', 'c']) await ask([key]);
    expect(['a', 'b', 'c'].map((key) => memory.peek([key]) !== undefined)).to.deep.equal([false, true, true]);
  });

  it('removes facts when they take too much memory, and still returns a single fact that is too large', async () => {
    const { memory } = memoryWith({ maxBytes: 1_000 });
    const store = (key: string, weight: number) => {
      memory.store({ key: [key], weigh: () => weight }, is(key));
    };
    store('a', 600);
    store('b', 600);
    expect([memory.peek(['a']), memory.peek(['b'])?.state]).to.deep.equal([undefined, 'found']);
    const heavy = { key: ['c'], weigh: () => 2_000, load: () => Promise.resolve(is('c')) };
    expect(await memory.recall(heavy, forever())).to.deep.equal(is('c'));
    expect(memory.peek(['c'])).to.be.undefined;
  });

  it('a fact with lifetime zero is shared among concurrent callers, and loaded again later', async () => {
    const { memory } = memoryWith();
    let loads = 0;
    const question = {
      key: ['a'],
      keep: () => 'never' as const,
      load: () => {
        loads += 1;
        return Promise.resolve(is('x'));
      },
    };
    await Promise.all([memory.recall(question, forever()), memory.recall(question, forever())]);
    expect(loads).to.equal(1);
    await memory.recall(question, forever());
    expect(loads).to.equal(2);
  });

  it('a load that throws fails its waiting callers, and the next caller loads again', async () => {
    const { memory, ask } = memoryWith();
    const failing = { key: ['a'], load: () => Promise.reject(new Error('bug')) };
    const error: unknown = await memory.recall(failing, forever()).catch((thrown: unknown) => thrown);
    expect(error).to.be.an('error').with.property('message', 'bug');
    expect(await ask(['a'])).to.deep.equal(is('x'));
  });
});

describe('scopes of a memory', () => {
  it('T07: a fact of one scope is returned in no other scope, and not outside', async () => {
    const { memory, ask, loads } = memoryWith();
    await ask(['a'], is('x'), memory.scoped('one'));
    expect(await ask(['a'], is('y'), memory.scoped('two'))).to.deep.equal(is('y'));
    expect(await ask(['a'], is('z'))).to.deep.equal(is('z'));
    expect(await ask(['a'], is('never'), memory.scoped('one'))).to.deep.equal(is('x'));
    expect(loads()).to.equal(3);
    expect(memory.scoped('one').peek(['a'])).to.deep.equal(is('x'));
    expect(memory.scoped('three').peek(['a'])).to.equal(undefined);
  });

  it('T06: different pairs of scope and key never collide', async () => {
    const { memory, ask, loads } = memoryWith();
    await ask(['b', 'c'], is('x'), memory.scoped('a'));
    await ask(['c'], is('y'), memory.scoped('a","b'));
    await ask(['a', 'b', 'c'], is('z'));
    expect(loads()).to.equal(3);
  });

  it('concurrent callers with the same key in two scopes do not share the result', async () => {
    const { memory, ask, loads } = memoryWith();
    await Promise.all([ask(['a'], is('x'), memory.scoped('one')), ask(['a'], is('x'), memory.scoped('two'))]);
    expect(loads()).to.equal(2);
  });

  it('a recent view of a scope stays in it', async () => {
    const { memory, ask, loads } = memoryWith();
    const one = memory.scoped('one');
    await ask(['a'], is('x'), one);
    await ask(['a'], is('x'), one.recent());
    await ask(['a'], is('x'), memory.recent().scoped('one'));
    expect(loads()).to.equal(1);
    await ask(['a'], is('x'), memory.recent());
    expect(loads()).to.equal(2);
  });
});

describe('the metrics of a memory', () => {
  it('count the result of each look-up', async () => {
    const seen: string[] = [];
    const onLookup: MemoryOptions['onLookup'] = (kind, result) => void seen.push(`${kind} ${result}`);
    const { ask, memory } = memoryWith({}, { onLookup });
    await Promise.all([ask(['manifest', 'a']), ask(['manifest', 'a'])]);
    await ask(['manifest', 'a'], is('x'), memory.recent());
    expect(seen).to.deep.equal(['manifest asked', 'manifest shared', 'manifest remembered']);
  });

  it('count the facts in memory, by kind', async () => {
    const { ask, memory } = memoryWith({ maxFacts: 2 });
    await ask(['manifest', 'a']);
    await ask(['manifest', 'a'], is('x'), memory.scoped('one'));
    expect(Object.fromEntries(memory.counts())).to.deep.equal({ manifest: 2 });
    await ask(['tag', 'b']);
    expect(Object.fromEntries(memory.counts())).to.deep.equal({ manifest: 1, tag: 1 });
  });
});
