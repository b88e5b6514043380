import { expect } from 'chai';
import { createWorkQueue, type Requeue } from '../../../src/clients/kubernetes/index.ts';
import { createRate } from '../../../src/controllers/audit/rate.ts';
import { createRegistryQueues } from '../../../src/controllers/audit/registry-queues.ts';
import { stillTime } from './time.ts';

/** A schedule that records what it runs. The part of a key before the slash names its queue; `free/…` costs nothing. */
function noting({ perQueuePerSecond = 1_000, concurrency = 8, due, holds = false }: Noting = {}) {
  const time = stillTime();
  const ran: string[] = [];
  let release: () => void = () => undefined;
  const held = holds
    ? new Promise<void>((resolve) => {
        release = resolve;
      })
    : Promise.resolve();
  const order = createRegistryQueues({
    registryOf: (key) => (key.startsWith('free/') ? undefined : key.split('/')[0]),
    perSecond: perQueuePerSecond,
  });
  const queue = createWorkQueue({
    reconcile: async (key) => {
      ran.push(key);
      await held;
      return due;
    },
    ...{ order, concurrency, timers: time.timers },
  });
  const schedule = {
    soon: (key: string, fresh: boolean) => {
      queue.add(key, fresh);
    },
    forget: queue.forget,
    queued: queue.size,
    close: queue.close,
  };
  return {
    time,
    ran,
    schedule,
    release: () => {
      release();
    },
  };
}

interface Noting {
  readonly perQueuePerSecond?: number;
  readonly concurrency?: number;
  readonly due?: Requeue;
  readonly holds?: boolean;
}

const keys = (queue: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${queue}/${index}`);

describe('the schedule of an audit', () => {
  it('spends the budget of each queue, and no other', async () => {
    const { time, ran, schedule } = noting({ perQueuePerSecond: 2 });
    for (const key of [...keys('a', 20), ...keys('b', 3), ...keys('free', 50)]) schedule.soon(key, false);
    await time.pass(0);
    expect(ran.filter((key) => key.startsWith('free/'))).to.have.lengthOf(50);
    expect(ran.filter((key) => key.startsWith('a/'))).to.have.lengthOf(2);
    await time.pass(3_000);
    expect(ran.filter((key) => key.startsWith('a/'))).to.have.lengthOf(8);
    expect(ran.filter((key) => key.startsWith('b/'))).to.have.lengthOf(3);
    await time.pass(6_000);
    expect(schedule.queued()).to.equal(0);
    await schedule.close();
  });

  it('keeps a slow queue to its budget when it is emptied and filled again', async () => {
    const { time, ran, schedule } = noting({ perQueuePerSecond: 0.1 });
    for (let second = 0; second < 30; second += 1) {
      schedule.soon(`a/${second}`, true);
      await time.pass(1_000);
    }
    expect(ran.length).to.be.within(3, 4);
    await schedule.close();
  });

  it('runs a bounded number at a time, whatever the budget', async () => {
    const { time, ran, schedule, release } = noting({ concurrency: 3, holds: true });
    for (const key of keys('a', 10)) schedule.soon(key, false);
    await time.pass(60_000);
    expect(ran).to.have.lengthOf(3);
    release();
    await time.pass(0);
    expect(ran).to.have.lengthOf(10);
    await schedule.close();
  });

  it('runs the newest change first, and starves no key', async () => {
    const { time, ran, schedule } = noting({ perQueuePerSecond: 1 });
    schedule.soon('a/spent', true);
    await time.pass(0);
    for (const key of keys('a', 3)) schedule.soon(key, false);
    schedule.soon('a/new', true);
    schedule.soon('a/newer', true);
    await time.pass(2_000);
    expect(ran.slice(0, 3)).to.deep.equal(['a/spent', 'a/newer', 'a/new']);
    // Changes arrive faster than they can be processed. A waiting key still gets its turn.
    for (let second = 0; second < 20; second += 1) {
      schedule.soon(`a/flood-${second}`, true);
      schedule.soon(`a/flood-${second}b`, true);
      await time.pass(1_000);
    }
    expect(ran).to.include.members(keys('a', 3));
    await schedule.close();
  });

  it('runs a key once more when it is added while it runs, and not more often', async () => {
    const { time, ran, schedule, release } = noting({ holds: true });
    schedule.soon('a/1', true);
    await time.pass(0);
    schedule.soon('a/1', true);
    schedule.soon('a/1', false);
    release();
    await time.pass(1_000);
    expect(ran).to.deep.equal(['a/1', 'a/1']);
    await schedule.close();
  });

  it('runs a key again when it is due, and never after it was removed', async () => {
    const { time, ran, schedule } = noting({ due: { requeueAfterMs: 10_000 } });
    schedule.soon('a/1', true);
    schedule.soon('a/2', true);
    await time.pass(1_000);
    schedule.forget('a/2');
    await time.pass(25_000);
    expect(ran.filter((key) => key === 'a/1')).to.have.lengthOf(3);
    expect(ran.filter((key) => key === 'a/2')).to.have.lengthOf(1);
    await schedule.close();
    expect(time.pending()).to.deep.equal([]);
  });

  it('exceeds no budget when the clock is set back', () => {
    const rate = createRate(1);
    expect(rate.take('a', 10_000)).to.equal(0);
    expect(rate.take('a', 5_000)).to.be.above(0);
    expect(rate.take('a', 11_000)).to.equal(0);
  });
});
