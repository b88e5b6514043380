import { expect } from 'chai';
import { createPool, type Pool, type PoolOptions } from '../../../../src/clients/sigstore/verify/pool.ts';
import type { PoolJob } from '../../../support/sigstore/pool-worker.ts';

describe('pool', () => {
  const open: Pool<PoolJob, number>[] = [];
  const pool = (options: Partial<PoolOptions> = {}) => {
    const entry = new URL('../../../support/sigstore/pool-worker.ts', import.meta.url);
    const one = createPool<PoolJob, number>({
      entry,
      workers: 2,
      maxWaiting: 10,
      jobTimeoutMs: 30_000,
      ...options,
    });
    open.push(one);
    return one;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });

  it('answers every job, with a bounded number of threads', async () => {
    const { run } = pool();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => run('answer')));
    expect(outcomes.every(({ ok }) => ok)).to.equal(true);
    expect(new Set(outcomes.map((one) => one.ok && one.value)).size).to.be.within(1, 2);
  });

  it('keeps a thread from one job to the next', async () => {
    const { run } = pool({ workers: 1 });
    expect(await run('answer')).to.deep.equal(await run('answer'));
  });

  for (const job of ['throw', 'exit', 'exhaust memory'] satisfies PoolJob[]) {
    it(`a thread that ends (${job}) fails only its own job and is replaced`, async () => {
      const { run } = pool({ workers: 1 });
      const [first, second] = await Promise.all([run(job), run('answer')]);
      expect(first).to.deep.equal({ ok: false, failure: 'crashed' });
      expect(second).to.include({ ok: true });
    });
  }

  it('a thread that hangs reaches its deadline and is replaced', async () => {
    const { run } = pool({ workers: 1, jobTimeoutMs: 3_000 });
    const [first, second] = await Promise.all([run('hang'), run('answer')]);
    expect(first).to.deep.equal({ ok: false, failure: 'late' });
    expect(second).to.include({ ok: true });
  });

  it('a thread that cannot start fails its jobs, one by one', async () => {
    const { run } = pool({ entry: new URL('file:///nowhere/worker.js'), workers: 1 });
    expect(await Promise.all([run('answer'), run('answer')])).to.deep.equal([
      { ok: false, failure: 'crashed' },
      { ok: false, failure: 'crashed' },
    ]);
  });

  it('refuses jobs when too many wait already', async () => {
    const { run } = pool({ workers: 1, maxWaiting: 2, jobTimeoutMs: 3_000 });
    const hanging = run('hang');
    const waiting = [run('answer'), run('answer')];
    expect(await run('answer')).to.deep.equal({ ok: false, failure: 'crowded' });
    await hanging;
    expect((await Promise.all(waiting)).every(({ ok }) => ok)).to.equal(true);
  });

  it('answers all waiting jobs when it is closed, and later ones', async () => {
    const { run, close } = pool({ workers: 1 });
    const jobs = [run('hang'), run('answer')];
    await close();
    jobs.push(run('answer'));
    const closed = { ok: false, failure: 'closed' };
    expect(await Promise.all(jobs)).to.deep.equal([closed, closed, closed]);
  });
});
