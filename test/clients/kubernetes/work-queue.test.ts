import { expect } from 'chai';
import fc from 'fast-check';
import { createWorkQueue, type WorkQueue } from '../../../src/clients/kubernetes/work-queue.ts';
import { createVirtualTime, type VirtualTime } from '../../support/virtual-time.ts';

const DAY_MS = 86_400_000;

interface LeaseFixture {
  readonly time: VirtualTime;
  readonly queue: WorkQueue;
  /** `key@time` of every start. */
  readonly starts: string[];
  readonly failures: readonly [string, number][];
  /** What the next runs answer, or throw. */
  readonly answers: unknown[];
}

function openFixture({ lastsMs = 0, concurrency = 2 } = {}): LeaseFixture {
  const time = createVirtualTime();
  const starts: string[] = [];
  const answers: unknown[] = [];
  const failures: [string, number][] = [];
  const queue = createWorkQueue({
    concurrency,
    backoff: { baseMs: 100, maxMs: 1_000 },
    timers: time,
    random: () => 1,
    onFailure: (key, _error, ms) => failures.push([key, ms]),
    reconcile: async (key) => {
      starts.push(`${key}@${time.now()}`);
      if (lastsMs > 0) await new Promise<void>((resolve) => time.after(lastsMs, resolve));
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer as { requeueAfterMs: number } | undefined;
    },
  });
  return { time, queue, starts, failures, answers };
}

describe('kubernetes: the work queue', () => {
  it('runs a key once however often it was added before', async () => {
    const { queue, time, starts } = openFixture();
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    expect(queue.size()).to.equal(2);
    await time.advance(0);
    expect([starts, queue.size()]).to.deep.equal([['a@0', 'b@0'], 0]);
  });

  it('runs a key once more when it is added while it runs', async () => {
    const { queue, time, starts } = openFixture({ lastsMs: 10 });
    queue.add('a');
    await time.advance(5);
    queue.add('a');
    queue.add('a');
    expect([starts, queue.size()]).to.deep.equal([['a@0'], 1]);
    await time.advance(100);
    expect(starts).to.deep.equal(['a@0', 'a@10']);
  });

  it('runs no more keys at once than allowed, in the order in which they were added', async () => {
    const { queue, time, starts } = openFixture({ lastsMs: 10 });
    for (const key of ['a', 'b', 'c', 'd', 'e']) queue.add(key);
    await time.advance(100);
    expect(starts).to.deep.equal(['a@0', 'b@0', 'c@10', 'd@10', 'e@20']);
  });

  it('does not delay other keys while one key runs', async () => {
    const { queue, time, starts } = openFixture({ lastsMs: 10 });
    queue.add('a');
    await time.advance(1);
    queue.add('a');
    queue.add('b');
    await time.advance(1);
    expect(starts).to.deep.equal(['a@0', 'b@1']);
  });

  it('keeps the earliest of several later times', async () => {
    const { queue, time, starts } = openFixture();
    queue.addAfter('a', 50);
    queue.addAfter('a', 20);
    queue.addAfter('a', 90);
    await time.advance(200);
    expect([starts, time.pending()]).to.deep.equal([['a@20'], 0]);
  });

  it('keeps a later time through a run in between', async () => {
    const { queue, time, starts } = openFixture();
    queue.addAfter('a', 50);
    queue.add('a');
    await time.advance(100);
    expect(starts).to.deep.equal(['a@0', 'a@50']);
  });

  it('waits as long as requested, even longer than a timer can', async () => {
    const { queue, time, starts } = openFixture();
    queue.addAfter('a', 60 * DAY_MS);
    await time.advance(59 * DAY_MS);
    expect(starts).to.deep.equal([]);
    await time.advance(DAY_MS);
    expect(starts).to.deep.equal([`a@${60 * DAY_MS}`]);
  });

  it('runs again when the run requested it, unless an earlier run changes that', async () => {
    const { queue, time, starts, answers } = openFixture();
    answers.push({ requeueAfterMs: 30 }, { requeueAfterMs: 100 });
    queue.add('a');
    await time.advance(10);
    queue.add('a');
    await time.advance(500);
    expect(starts).to.deep.equal(['a@0', 'a@10', 'a@110']);
  });

  it('backs off per key, up to the longest pause, and starts again from the shortest after a success', async () => {
    const { queue, time, failures, answers } = openFixture();
    answers.push(...Array.from({ length: 6 }, () => new Error('no')), undefined, new Error('no'));
    queue.add('a');
    await time.advance(10_000);
    expect(failures.map(([, ms]) => ms)).to.deep.equal([100, 200, 400, 800, 1_000, 1_000]);
    queue.add('a');
    await time.advance(0);
    expect(failures.at(-1)).to.deep.equal(['a', 100]);
  });

  it('spreads retries over the upper half of the pause', async () => {
    const pauses: number[] = [];
    const time = createVirtualTime();
    const queue = createWorkQueue({
      concurrency: 1,
      backoff: { baseMs: 100, maxMs: 100 },
      timers: time,
      random: () => 0,
      onFailure: (_key, _error, ms) => pauses.push(ms),
      reconcile: () => Promise.reject(new Error('no')),
    });
    queue.add('a');
    await time.advance(0);
    await queue.close();
    expect(pauses).to.deep.equal([50]);
  });

  it('runs at once what is added during its pause, and forgets the retry', async () => {
    const { queue, time, starts, answers } = openFixture();
    answers.push(new Error('no'));
    queue.add('a');
    await time.advance(10);
    queue.add('a');
    await time.advance(1_000);
    expect(starts).to.deep.equal(['a@0', 'a@10']);
  });

  it('closes: signals running work to stop, waits for it, and starts no more', async () => {
    const time = createVirtualTime();
    const log: string[] = [];
    const ending = Promise.withResolvers<undefined>();
    const queue = createWorkQueue({
      concurrency: 1,
      timers: time,
      onFailure: () => log.push('failure'),
      reconcile: async (key, signal) => {
        log.push(`start ${key}`);
        signal.addEventListener('abort', () => log.push('aborted'));
        await ending.promise;
        log.push('end');
        throw new Error('aborted');
      },
    });
    for (const key of ['a', 'b', 'a']) queue.add(key);
    queue.addAfter('c', 5);
    await time.advance(1);
    queue.add('a');
    const closed = queue.close().then(() => log.push('closed'));
    queue.add('d');
    queue.addAfter('e', 1);
    await time.advance(100);
    expect(log).to.deep.equal(['start a', 'aborted']);
    ending.resolve(undefined);
    await closed;
    await time.advance(10_000);
    expect(log).to.deep.equal(['start a', 'aborted', 'end', 'closed']);
    expect([queue.size(), time.pending()]).to.deep.equal([0, 0]);
  });

  it('never runs a key twice at once, never too many keys, and never misses the last addition', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      waitMs: fc.nat(12),
      laterMs: fc.option(fc.nat(20), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        fc.array(fc.nat(15)),
        fc.integer({ min: 1, max: 3 }),
        async (steps, durations, concurrency) => {
          const time = createVirtualTime();
          const wanted = new Map<string, number>(); // moment from which a start has to follow
          const active = new Set<string>();
          let most = 0;
          const queue = createWorkQueue({
            concurrency,
            timers: time,
            random: () => 0.5,
            backoff: { baseMs: 5, maxMs: 20 },
            reconcile: async (key) => {
              if (active.has(key)) throw new Error('twice at once');
              active.add(key);
              most = Math.max(most, active.size);
              if ((wanted.get(key) ?? Infinity) <= time.now()) wanted.delete(key);
              const lastsMs = durations.shift() ?? 0;
              await new Promise<void>((resolve) => time.after(lastsMs, resolve));
              active.delete(key);
              if (lastsMs % 5 === 4) throw new Error('fails now and then');
              return undefined;
            },
            onFailure: (_key, error) => {
              if ((error as Error).message === 'twice at once') most = Infinity;
            },
          });
          for (const { key, waitMs, laterMs } of steps) {
            wanted.set(key, Math.max(wanted.get(key) ?? 0, time.now() + (laterMs ?? 0)));
            if (laterMs === undefined) queue.add(key);
            else queue.addAfter(key, laterMs);
            // Of several later times the earliest counts, so any start from now on satisfies it.
            if (laterMs !== undefined) wanted.set(key, time.now());
            await time.advance(waitMs);
          }
          await time.advance(5_000);
          expect(most).to.be.at.most(concurrency);
          expect([...wanted.keys(), queue.size()]).to.deep.equal([0]);
          await queue.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});
