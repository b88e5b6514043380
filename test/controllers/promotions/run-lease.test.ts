import { expect } from 'chai';
import { LEASE_MS, createRunLeases } from '../../../src/controllers/promotions/run/run-lease.ts';
import { executeRun } from '../../../src/controllers/promotions/run/execute-run.ts';
import type { Time } from '../../../src/core/model/index.ts';
import type { RunnerPorts, RunStore } from '../../../src/controllers/promotions/ports.ts';
import {
  candidates,
  fakeExecution,
  fault,
  pause,
  promotionTime,
  runObject,
  runStore,
  type RunStoreTwin,
} from './fixture.ts';

const NAME = { namespace: 'platform', name: 'node-to-golden-1' };
const ENDLESS = new AbortController().signal;

/** Numbers that look random and are the same every time (a linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/** The runs of a store over a network that is slow and at times down. `dead` = a process that crashed. */
function overNetwork(
  store: RunStoreTwin,
  time: Time,
  network: { random: () => number; down: boolean; dead: boolean },
): RunStore {
  const travel = async (signal: AbortSignal): Promise<void> => {
    if (network.dead) await new Promise(() => undefined);
    await pause(Math.ceil(network.random() * 1_500), time.after, signal);
    if (network.down || signal.aborted) throw fault('ClusterUnavailable', true);
  };
  return {
    read: async (run, signal) => {
      await travel(signal);
      return store.read(run, signal);
    },
    writeStatus: async (run, status, signal) => {
      await travel(signal);
      const answer = await store.writeStatus(run, status, signal);
      await travel(signal); // the answer to a stored write may be lost
      return answer;
    },
  };
}

describe('the lease of a run', () => {
  const leasesOf = (identity: string, time: Time, runs: RunStore) =>
    createRunLeases({ ...time, identity, runs, report: () => undefined });
  const begin = () => ({ phase: 'Running' as const });

  it('is taken by one of several replicas that try at the same moment', async () => {
    const time = promotionTime();
    const store = runStore();
    store.put(runObject());
    const taken = await Promise.all(
      ['a', 'b', 'c'].map((who) => leasesOf(who, time, store).take(NAME, { begin, signal: ENDLESS })),
    );
    expect(taken.map(({ state }) => state).toSorted()).to.deep.equal(['held', 'held', 'taken']);
    expect(store.peek(NAME.name)?.status?.claim?.epoch).to.equal(1);
  });

  it('expires by the time at which a replica saw its last renewal, whatever the clocks show', async () => {
    const time = promotionTime();
    const store = runStore();
    const claim = { holder: 'gone', epoch: 4, renewTime: '2001-01-01T00:00:00Z', durationSeconds: 30 };
    store.put({ ...runObject(), status: { claim } });
    const leases = leasesOf('b', time, store);
    const take = () => leases.take(NAME, { begin, signal: ENDLESS });
    expect(await take()).to.deep.equal({ state: 'held', retryInMs: 30_000 });
    await time.pass(20_000);
    expect(await take()).to.deep.equal({ state: 'held', retryInMs: 10_000 });
    // A renewal.
    store.put({ ...runObject(), status: { claim: { ...claim, renewTime: '2001-01-01T00:00:01Z' } } });
    await time.pass(10_000);
    expect(await take()).to.deep.equal({ state: 'held', retryInMs: 30_000 });
    await time.pass(30_000);
    expect(await take()).to.include({ state: 'taken' });
    expect(store.peek(NAME.name)?.status?.claim).to.include({ holder: 'b', epoch: 5 });
  });

  it('is given up by a holder that cannot renew it, before another replica may take it', async () => {
    const time = promotionTime();
    const store = runStore();
    store.put(runObject());
    const network = { random: () => 0, down: false, dead: false };
    const taken = await leasesOf('a', time, overNetwork(store, time, network)).take(NAME, {
      begin,
      signal: ENDLESS,
    });
    if (taken.state !== 'taken') throw new Error(taken.state);
    network.down = true;
    await time.pass(LEASE_MS - 10_000);
    expect(taken.lease.signal.aborted).to.equal(true);
    expect(taken.lease.signal.reason).to.have.property('code', 'Cancelled');
  });

  for (const [by, taker] of [
    ['another process', { holder: 'b', epoch: 2 }],
    ['the same process, which took the run again', { holder: 'a', epoch: 2 }],
  ] as const) {
    it(`fences a holder that was paused: after ${by} its writes are refused, and it stops`, async () => {
      const time = promotionTime();
      const store = runStore();
      store.put(runObject());
      const first = await leasesOf('a', time, store).take(NAME, { begin, signal: ENDLESS });
      if (first.state !== 'taken') throw new Error(first.state);
      const stored = store.peek(NAME.name);
      if (!stored?.status?.claim) throw new Error('nothing was stored');
      const { claim } = stored.status;
      await store.writeStatus(stored, { ...stored.status, claim: { ...claim, ...taker } }, ENDLESS);
      first.lease.setStatus(() => ({ phase: 'Succeeded' }));
      expect(await first.lease.write()).to.equal(false);
      expect(first.lease.signal.aborted).to.equal(true);
      expect(store.peek(NAME.name)?.status).to.deep.include({ phase: 'Running' });
    });
  }

  it('never has two holders of one run, whatever the network does to two controllers and a Job', async function () {
    this.timeout(60_000);
    let takeovers = 0;
    for (let seed = 1; seed <= 40; seed += 1) takeovers += await story(seed);
    expect(takeovers).to.be.greaterThan(25);
  });
});

/** Three processes try to take the same run, lose the network, crash and restart, until it has ended. Returns the number of holders. */
async function story(seed: number): Promise<number> {
  const random = numbers(seed);
  const time = promotionTime();
  const store = runStore();
  const tags = Array.from({ length: 12 }, (_, index) => `1.${String(index)}`);
  store.put(runObject({ timeout: '24h' }));
  const active = new Set<string>();
  const beside: string[] = [];
  const moved: string[] = [];
  const processes = ['controller-a', 'controller-b', 'job/1'].map((who) => process(who));

  function process(who: string) {
    const network = { random, down: false, dead: false };
    let lives = 0;
    const live = async (): Promise<void> => {
      lives += 1;
      const mine = { ...network, random };
      const identity = `${who}-${String(lives)}`;
      const ports: RunnerPorts = {
        ...time,
        identity,
        runs: overNetwork(store, time, mine),
        executions: {
          check: () => Promise.resolve(undefined),
          open: () => Promise.resolve(watched(identity, mine)),
        },
        approvals: () => [],
        report: (error) => {
          throw error;
        },
      };
      current = mine;
      const leases = createRunLeases(ports);
      while (!mine.dead && store.peek(NAME.name)?.status?.completionTime === undefined) {
        const ended = await executeRun(NAME, { ports, leases }, ENDLESS).catch(() => undefined);
        await pause(ended?.end === 'held' ? ended.retryInMs : 1_000, time.after, ENDLESS);
      }
    };
    let current = network;
    void live();
    return {
      cut: (down: boolean) => {
        current.down = down;
      },
      crash: () => {
        current.dead = true;
        for (const one of active) if (one.startsWith(who)) active.delete(one);
        void live();
      },
    };
  }

  function watched(identity: string, mine: { readonly dead: boolean }) {
    const execution = fakeExecution({ candidates: candidates(...tags) }, time);
    return {
      ...execution,
      run: async (...[planned, order, signal]: Parameters<typeof execution.run>) => {
        if (mine.dead) return new Promise<never>(() => undefined);
        beside.push(...active);
        active.add(identity);
        for (const { tag, digest } of planned) {
          await pause(4_000, time.after, signal);
          if (isDead(mine)) return new Promise<never>(() => undefined);
          if (signal.aborted) break;
          moved.push(tag);
          const counts = { bytes: 1, blobs: { mounted: 0, copied: 0, skipped: 0 } };
          const attachments = { found: 0, carried: 0, leftByRule: 0 };
          order.progress.onResult({
            tag,
            ...(digest && { digest }),
            decision: 'Promoted',
            ...counts,
            attachments,
          });
        }
        // Requests that were sent before a stop still arrive for a while.
        if (signal.aborted) await pause(5_000, time.after, ENDLESS);
        active.delete(identity);
        return [];
      },
    };
  }

  const misfortune = (last: boolean): void => {
    const one = processes[Math.floor(random() * processes.length)];
    const fate = random();
    if (fate < 0.35) one?.crash();
    else one?.cut(fate < 0.7);
    if (last) for (const each of processes) each.cut(false);
  };
  for (let round = 0; round < 40; round += 1) {
    misfortune(round > 25);
    await time.pass(Math.ceil(random() * 40_000));
  }
  await time.pass(600_000);
  expect(beside, `seed ${String(seed)}`).to.deep.equal([]);
  const { status = {} } = store.peek(NAME.name) ?? {};
  expect(status, `seed ${String(seed)}`).to.deep.include({ phase: 'Succeeded' });
  expect(status.counts).to.include({ candidates: tags.length, promoted: tags.length });
  expect([...new Set(moved)].toSorted()).to.deep.equal(tags.toSorted());
  return (status.claim?.epoch ?? 1) - 1;
}

/** Evaluated again after every wait. */
function isDead(one: { readonly dead: boolean }): boolean {
  return one.dead;
}
