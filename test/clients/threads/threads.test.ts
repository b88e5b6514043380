import { expect } from 'chai';
import { openThreads } from '../../../src/clients/threads/index.ts';
import type { ThreadOptions, Threads } from '../../../src/clients/threads/threads.ts';
import type { Commands } from '../../support/obeying-thread.ts';

const MIB = 1024 * 1024;

describe('threads', () => {
  const open: Threads<Commands>[] = [];
  const threads = (options: Partial<ThreadOptions> = {}) => {
    const entry = new URL('../../support/obeying-thread.ts', import.meta.url);
    const one = openThreads<Commands>({ entry, threads: 2, jobTimeoutMs: 30_000, ...options });
    open.push(one);
    const run = (command: keyof Commands, { bytes = 1, owner = '' } = {}) =>
      one.run(command, undefined, { bytes, owner });
    return { run, close: () => one.close() };
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });

  it('answer every job, with a bounded number of threads', async () => {
    const { run } = threads();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => run('answer')));
    expect(outcomes.every(({ ok }) => ok)).to.equal(true);
    expect(new Set(outcomes.map((one) => one.ok && one.value)).size).to.be.within(1, 2);
  });

  it('keep a thread from one job to the next', async () => {
    const { run } = threads({ threads: 1 });
    expect(await run('answer')).to.deep.equal(await run('answer'));
  });

  const deaths = [
    ['throw', 'crashed'],
    ['exit', 'crashed'],
    ['exhaust', 'exhausted'],
  ] as const;
  for (const [command, failure] of deaths) {
    it(`M01: a thread that ends (${command}) fails only its own job and is replaced`, async () => {
      const { run } = threads({ threads: 1 });
      const [first, second] = await Promise.all([run(command), run('answer')]);
      expect(first).to.deep.equal({ ok: false, failure });
      expect(second).to.include({ ok: true });
    });
  }

  it('M01: a thread that hangs reaches its deadline and is replaced', async () => {
    const { run } = threads({ threads: 1, jobTimeoutMs: 3_000 });
    const [first, second] = await Promise.all([run('hang'), run('answer')]);
    expect(first).to.deep.equal({ ok: false, failure: 'late' });
    expect(second).to.include({ ok: true });
  });

  it('fail their jobs one by one where no thread can start', async () => {
    const { run } = threads({ entry: new URL('file:///nowhere/worker.js'), threads: 1 });
    expect(await Promise.all([run('answer'), run('answer')])).to.deep.equal([
      { ok: false, failure: 'crashed' },
      { ok: false, failure: 'crashed' },
    ]);
  });

  it('M02: refuse jobs when too many wait already, of all owners or of one', async () => {
    const limits = { threads: 1, maxWaiting: 3, maxWaitingPerOwner: 2, jobTimeoutMs: 3_000 };
    const { run } = threads(limits);
    const hanging = run('hang');
    const waiting = [run('answer', { owner: 'a' }), run('answer', { owner: 'a' })];
    expect(await run('answer', { owner: 'a' })).to.deep.equal({ ok: false, failure: 'crowded' });
    waiting.push(run('answer', { owner: 'b' }));
    expect(await run('answer', { owner: 'b' })).to.deep.equal({ ok: false, failure: 'crowded' });
    await hanging;
    expect((await Promise.all(waiting)).every(({ ok }) => ok)).to.equal(true);
  });

  it('M02: give each owner a turn before a second job of another', async () => {
    const { run } = threads({ threads: 1 });
    const order: string[] = [];
    const jobs = ['a1', 'a2', 'a3', 'b1', 'c1'].map(async (name) => {
      await run('answer', { owner: name.charAt(0) });
      order.push(name);
    });
    await Promise.all(jobs);
    expect(order).to.deep.equal(['a1', 'b1', 'c1', 'a2', 'a3']);
  });

  it('M30: a namespace whose large answers keep the thread for heavy work delays the large review of another by one job', async () => {
    const { run } = threads({ jobTimeoutMs: 2_000 });
    const ended: string[] = [];
    const ask = async (owner: string, command: keyof Commands, bytes: number) => {
      const { ok } = await run(command, { owner, bytes });
      ended.push(`${owner} ${ok ? 'done' : 'late'}`);
    };
    const hostile = ['admission evil', 'background evil', 'evil'];
    const flood = hostile.flatMap((owner) => Array.from({ length: 3 }, () => ask(owner, 'hang', 2 * MIB)));
    await ask('shop', 'answer', 2 * MIB);
    expect(ended).to.deep.equal(['admission evil late', 'shop done']);
    flood.push(ask('shop', 'answer', 2 * MIB), ask('lab', 'answer', 2 * MIB));
    await flood.at(-1);
    expect(ended.filter((one) => one.endsWith('late'))).to.have.length.below(3);
  });

  it('M30: small jobs without end do not keep a large one waiting, nor the other way round', async () => {
    const { run } = threads({ threads: 1 });
    const ended: string[] = [];
    const ask = async (owner: string, bytes: number) => {
      await run('answer', { owner, bytes });
      ended.push(owner);
    };
    const small = ['a', 'b', 'c', 'd'].map((owner) => ask(owner, 1));
    await Promise.all([...small, ask('large 1', 2 * MIB), ask('large 2', 2 * MIB)]);
    expect(ended.slice(0, 4)).to.deep.equal(['a', 'large 1', 'b', 'large 2']);
  });

  it('M30: an owner with nothing in the queue finds room in it, when others have filled it', async () => {
    const { run } = threads({ threads: 1, maxWaiting: 2, jobTimeoutMs: 2_000 });
    const hanging = run('hang', { owner: 'a' });
    const waiting = ['a', 'b'].map((owner) => run('answer', { owner }));
    expect(await run('answer', { owner: 'b' })).to.deep.equal({ ok: false, failure: 'crowded' });
    waiting.push(run('answer', { owner: 'c' }), run('answer', { owner: 'd' }));
    expect(await run('answer', { owner: 'e' })).to.deep.equal({ ok: false, failure: 'crowded' });
    await hanging;
    expect((await Promise.all(waiting)).every(({ ok }) => ok)).to.equal(true);
  });

  it('M02: do one heavy job at a time, and light ones beside it', async () => {
    const { run } = threads({ jobTimeoutMs: 3_000 });
    const heavy = [run('hang', { bytes: 2 * MIB }), run('answer', { bytes: 2 * MIB })];
    expect(await run('answer')).to.include({ ok: true });
    expect(await Promise.all(heavy)).to.deep.include({ ok: false, failure: 'late' });
    expect((await Promise.all(heavy)).at(1)).to.include({ ok: true });
  });

  it('M02: replace a thread that has done much heavy work, so that its memory is given back', async () => {
    const { run } = threads({ threads: 1 });
    const first = await run('answer', { bytes: 65 * MIB });
    expect(await run('answer')).not.to.deep.equal(first);
  });

  it('answer all waiting jobs when they are closed, and later ones', async () => {
    const { run, close } = threads({ threads: 1 });
    const jobs = [run('hang'), run('answer')];
    await close();
    jobs.push(run('answer'));
    const closed = { ok: false, failure: 'closed' };
    expect(await Promise.all(jobs)).to.deep.equal([closed, closed, closed]);
  });
});
