import { expect } from 'chai';
import fc from 'fast-check';
import { sharedTurn, turnOf, type Owner } from '../../../../src/core/model/index.ts';
import type { Call } from '../../../../src/clients/registry/call.ts';
import { createSlots, type Release, type TakeSlots } from '../../../../src/clients/registry/slots.ts';
import { faultOf } from '../client.ts';

/** Everything that is resolved by now runs. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function callOf(turn: Call['turn'], signal = new AbortController().signal): Call {
  // Of a call, slots read only these.
  return { doing: 'read', side: 'source', signal, turn } as unknown as Call;
}

/** One place with slots, and what was given to whom, in order. */
function placeOf(slots: number, perNamespace = 1_000, forAdmissions = true) {
  const take: TakeSlots = createSlots({ perNamespace });
  const given: string[] = [];
  const releases: { readonly name: string; readonly release: Release }[] = [];
  const ask = async (owner: Owner, turn: Call['turn'] = turnOf(owner), signal?: AbortSignal) => {
    const release = await take(callOf(turn, signal), { name: 'here', slots, forAdmissions });
    const name = `${owner.namespace}${owner.background ? ' background' : ''}`;
    given.push(name);
    releases.push({ name, release });
  };
  const askMany = (count: number, owner: Owner) => Array.from({ length: count }, () => ask(owner));
  const freeSlot = async (): Promise<void> => {
    releases.shift()?.release();
    await settle();
  };
  const heldBy = (name: string): number => releases.filter((one) => one.name === name).length;
  return { ask, askMany, freeSlot, given, heldBy, held: () => releases.length };
}

const A: Owner = { namespace: 'a' };
const B: Owner = { namespace: 'b' };
const AUDIT: Owner = { namespace: 'a', background: true };

describe('the slots of a registry', () => {
  it('M22: a namespace does not wait behind all that another one asks for', async () => {
    const { ask, askMany, freeSlot, given } = placeOf(4);
    void askMany(200, A);
    await settle();
    const before = given.length;
    void ask(B);
    await settle();
    await freeSlot();
    expect(given.slice(before)).to.include('b');
  });

  it('B24: who waits for a place of the whole process waits for no registry, and that is known of its turn', async () => {
    for (const ofProcess of [true, false]) {
      const take = createSlots({ perNamespace: 10 });
      const [first, second] = [sharedTurn(), sharedTurn()];
      first.join(turnOf(A));
      second.join(turnOf(A));
      const place = { name: 'here', slots: 1, forAdmissions: true, ofProcess };
      const release = await take(callOf(first), place);
      const later = take(callOf(second), place);
      await settle();
      expect([first.isWaiting(), second.isWaiting()]).to.deep.equal([false, ofProcess]);
      release();
      (await later)();
      expect(second.isWaiting()).to.equal(false);
    }
  });

  it('M22: namespaces take turns, each in its own order', async () => {
    const { askMany, freeSlot, given } = placeOf(1);
    void askMany(4, A);
    void askMany(2, B);
    void askMany(1, { namespace: 'c' });
    for (let count = 0; count < 7; count += 1) await freeSlot();
    expect(given.join('')).to.equal('aabcaba');
  });

  it('M22: one namespace leaves slots free for the next ones', async () => {
    const { ask, askMany, held, given } = placeOf(16);
    void askMany(200, A);
    await settle();
    expect(held()).to.equal(12);
    void ask(B);
    void ask({ namespace: 'c' });
    await settle();
    expect(given.slice(12)).to.deep.equal(['b', 'c']);
  });

  it('M22: all slots of a small place are used', async () => {
    for (const slots of [1, 2, 3]) {
      const { askMany, held } = placeOf(slots);
      void askMany(10, A);
      await settle();
      expect(held()).to.equal(slots);
    }
  });

  it('M22: whatever arrives, a namespace that has nothing gets a slot before another gets a second one', async () => {
    const arrival = fc.record({
      namespace: fc.constantFrom('a', 'b', 'c', 'd'),
      background: fc.boolean(),
      count: fc.integer({ min: 1, max: 12 }),
      returned: fc.integer({ min: 0, max: 8 }),
    });
    const scenario = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.array(arrival, { maxLength: 12 }));
    await fc.assert(
      fc.asyncProperty(scenario, async ([slots, arrivals]) => {
        const { askMany, freeSlot, given, held, heldBy } = placeOf(slots);
        const waiting = new Map<string, number>();
        const since = new Map<string, Map<string, number>>(); // by who waits: what each other one was given
        let seen = 0;
        const check = (): void => {
          expect(held()).to.be.at.most(slots);
          for (; seen < given.length; seen += 1) {
            const name = given[seen] ?? '';
            waiting.set(name, (waiting.get(name) ?? 0) - 1);
            for (const [who, others] of since) {
              if (who === name || who.endsWith('background')) continue;
              if (heldBy(who) > 0)
                others.clear(); // it may have its share already
              else others.set(name, (others.get(name) ?? 0) + 1);
              expect(others.get(name) ?? 0, `${name} before ${who}`).to.be.at.most(1);
            }
            since.delete(name);
          }
        };
        for (const { namespace, background, count, returned } of arrivals) {
          const name = `${namespace}${background ? ' background' : ''}`;
          if ((waiting.get(name) ?? 0) === 0) since.set(name, new Map());
          waiting.set(name, (waiting.get(name) ?? 0) + count);
          void askMany(count, { namespace, background });
          await settle();
          check();
          for (let one = 0; one < returned; one += 1) {
            await freeSlot();
            check();
          }
        }
        const asked = arrivals.reduce((sum, { count }) => sum + count, 0);
        for (let left = asked; left > 0; left -= 1) {
          await freeSlot();
          check();
        }
        expect(given, 'everyone gets a slot in the end').to.have.length(asked);
      }),
      { numRuns: 100 },
    );
  });

  it('M23: admissions go first, and background work never stands still', async () => {
    const { askMany, freeSlot, given } = placeOf(1);
    void askMany(1, A);
    void askMany(50, AUDIT);
    void askMany(50, B);
    for (let count = 0; count < 33; count += 1) await freeSlot();
    const background = given.flatMap((name, index) => (name === 'a background' ? [index] : []));
    expect(background).to.deep.equal([8, 16, 24, 32]);
  });

  it('M23: background work of all namespaces together leaves slots free for an admission', async () => {
    const { ask, askMany, held, given } = placeOf(16);
    for (const namespace of ['a', 'b', 'c', 'd']) void askMany(50, { namespace, background: true });
    await settle();
    expect(held()).to.equal(12);
    void ask(B);
    await settle();
    expect(given.at(-1)).to.equal('b');
  });

  it('M23: background work of one namespace leaves slots for that of another', async () => {
    for (const [forAdmissions, first, both] of [
      [true, 9, 12],
      [false, 12, 15],
    ] as const) {
      const { askMany, held } = placeOf(16, 1_000, forAdmissions);
      void askMany(50, AUDIT);
      await settle();
      expect(held()).to.equal(first);
      void askMany(50, { namespace: 'b', background: true });
      await settle();
      expect(held()).to.equal(both);
    }
  });

  it('M24: what another namespace waits for as well has the turn of that one, too', async () => {
    const { ask, askMany, freeSlot, given } = placeOf(1);
    void askMany(50, A);
    const turn = sharedTurn();
    turn.join(turnOf(A));
    let answered = false;
    void ask({ namespace: 'shared' }, turn).then(() => (answered = true));
    await settle();
    turn.join(turnOf(B));
    await freeSlot();
    await freeSlot();
    expect(answered, given.join(' ')).to.equal(true);
  });

  it('M24: one who joins gets a free slot at once that the first may not have', async () => {
    const { ask, askMany, given, held } = placeOf(4);
    void askMany(10, A);
    await settle();
    expect(held()).to.equal(3);
    const turn = sharedTurn();
    turn.join(turnOf(A));
    void ask({ namespace: 'shared' }, turn);
    await settle();
    expect(held()).to.equal(3);
    turn.join(turnOf(B));
    await settle();
    expect(given.at(-1)).to.equal('shared');
  });

  it('M24: an admission that waits for what the audit asked for goes first', async () => {
    const { ask, askMany, freeSlot, given } = placeOf(1);
    void askMany(1, A);
    void askMany(50, AUDIT);
    const turn = sharedTurn();
    const nested = sharedTurn();
    turn.join(turnOf(AUDIT));
    nested.join(turn);
    void ask({ namespace: 'shared' }, nested);
    await settle();
    turn.join(turnOf(B));
    await freeSlot();
    expect(given).to.deep.equal(['a', 'shared']);
  });

  it('M25: more requests of one namespace than may wait fail at once, and those of another do not', async () => {
    const { ask, askMany, freeSlot, given } = placeOf(1, 5);
    const all = askMany(10, A);
    const failed = await Promise.all(all.slice(6).map((one) => faultOf(one, 'LimitExceeded')));
    expect(failed.map(({ transient }) => transient)).to.deep.equal([true, true, true, true]);
    void ask(B);
    for (let count = 0; count < 7; count += 1) await freeSlot();
    expect(given.join('')).to.equal('aabaaaa');
  });

  it('M25: what another namespace waits for as well is not refused because of the first', async () => {
    const { ask, askMany, freeSlot, given } = placeOf(1, 5);
    void askMany(6, A);
    const turn = sharedTurn();
    for (const owner of [A, B]) turn.join(turnOf(owner));
    void ask({ namespace: 'shared' }, turn);
    for (let count = 0; count < 7; count += 1) await freeSlot();
    expect(given).to.include('shared');
  });

  it('M25: where too many wait in all, the namespace with the most loses its oldest', async () => {
    const { ask, askMany, freeSlot, given } = placeOf(1, 20_000);
    const all = askMany(10_001, A);
    void ask(B);
    await faultOf(all[1] ?? Promise.resolve(), 'LimitExceeded');
    await freeSlot();
    await freeSlot();
    expect(given.slice(0, 3)).to.include('b');
    void Promise.allSettled(all);
  });

  it('M25: the oldest is not lost for which another namespace waits as well', async () => {
    const { ask, askMany } = placeOf(1, 20_000);
    void askMany(1, A);
    const turn = sharedTurn();
    for (const owner of [A, B]) turn.join(turnOf(owner));
    let lost = false;
    ask({ namespace: 'shared' }, turn).catch(() => (lost = true));
    const all = askMany(10_000, A);
    await faultOf(all[0] ?? Promise.resolve(), 'LimitExceeded');
    expect(lost).to.equal(false);
    void Promise.allSettled(all);
  });

  it('M25: background work bounds itself, and none of it is refused', async () => {
    const { askMany, freeSlot, given } = placeOf(1, 5);
    const all = askMany(20, AUDIT);
    for (let count = 0; count < 20; count += 1) await freeSlot();
    await Promise.all(all);
    expect(given).to.have.length(20);
  });

  it('M25: one that runs out of time while it waits leaves no trace', async () => {
    const { ask, askMany, freeSlot, given } = placeOf(1);
    void askMany(1, A);
    const ending = new AbortController();
    const waiting = faultOf(ask(A, undefined, ending.signal), 'LimitExceeded');
    await settle();
    ending.abort();
    expect((await waiting).transient).to.equal(true);
    await faultOf(ask(A, undefined, ending.signal), 'DeadlineExceeded');
    void ask(B);
    await freeSlot();
    expect(given).to.deep.equal(['a', 'b']);
  });
});
