import { expect } from 'chai';
import { candidates } from './fixture.ts';
import { controllerFixture } from './controller-fixture.ts';

const NEVER = new AbortController().signal;

describe('the controller of promotions, where Jobs carry out runs', () => {
  /** A world in which Jobs are made and nobody carries them out. */
  const withJobs = (maxConcurrentRuns = 2) => {
    const made: string[] = [];
    const seen = { looks: 0 };
    const all = controllerFixture(
      { candidates: candidates('1') },
      {},
      {
        maxConcurrentRuns,
        jobs: {
          of: ({ metadata }) => {
            seen.looks += 1;
            const own = made.filter((name) => name.startsWith(metadata.name));
            return Promise.resolve(own.map((name) => ({ name, over: false })));
          },
          create: (job) => {
            made.push((job as { metadata: { name: string } }).metadata.name);
            return Promise.resolve({ ok: true });
          },
        },
        job: { image: 'pratique', serviceAccountName: 'runs', installation: 'pratique', resources: {} },
      },
    );
    all.lead();
    all.put();
    return { all, made, seen };
  };

  it('looks at a run that a Job carries out now and then, and not in a circle', async () => {
    const { all, made, seen } = withJobs();
    await all.time.pass(60_000);
    expect(made).to.have.lengthOf(1);
    expect(seen.looks).to.be.within(6, 9);
    expect(all.status().activeRun).to.equal(all.runs()[0]?.metadata.name);
    expect(all.runs()[0]?.status, 'the leader carries out nothing').to.equal(undefined);
  });

  it('makes the next Job as soon as a run has ended that was one too many', async () => {
    const { all, made } = withJobs(1);
    await all.time.pass(11_000);
    const [run] = all.runs();
    if (!run) throw new Error('no run was begun');
    await all.store.writeStatus(
      run,
      { phase: 'Succeeded', completionTime: all.time.clock().toISOString() },
      NEVER,
    );
    await all.time.pass(1_000);
    all.put({}, 'another');
    await all.time.pass(1_000);
    expect(made.map((name) => name.replace(/-[0-9a-f]+-1$/, ''))).to.deep.equal([
      'node-to-golden',
      'another',
    ]);
  });
});
