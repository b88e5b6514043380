import { expect } from 'chai';
import { candidates, WRITTEN } from './fixture.ts';
import { controllerFixture } from './controller-fixture.ts';

const NEVER = new AbortController().signal;

describe('the promotion controller, with runs in Jobs', () => {
  /** A cluster in which Jobs are created, but no kubelet runs them. */
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
            return Promise.resolve(WRITTEN);
          },
        },
        job: { image: 'pratique', serviceAccountName: 'runs', installation: 'pratique', resources: {} },
      },
    );
    all.lead();
    all.put();
    return { all, made, seen };
  };

  it('checks a run of a Job at intervals, and not in a tight loop', async () => {
    const { all, made, seen } = withJobs();
    await all.time.pass(60_000);
    expect(made).to.have.lengthOf(1);
    expect(seen.looks).to.be.within(6, 9);
    expect(all.status().activeRun).to.equal(all.runs()[0]?.metadata.name);
    expect(all.runs()[0]?.status, 'the leader carries out nothing').to.equal(undefined);
  });

  it('creates the next Job as soon as a run ends that used the last free slot', async () => {
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
