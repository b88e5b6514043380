import { expect } from 'chai';
import type { Written } from '../../../src/clients/kubernetes/index.ts';
import { Fault } from '../../../src/core/model/index.ts';
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { createRunLeases } from '../../../src/controllers/promotions/run/run-lease.ts';
import { driveJobs } from '../../../src/controllers/promotions/run/drive-run.ts';
import { createJobStore } from '../../../src/controllers/promotions/cluster-store.ts';
import { executeRun } from '../../../src/controllers/promotions/run/execute-run.ts';
import { jobNames, jobNeed, jobObject } from '../../../src/controllers/promotions/jobs/job.ts';
import type { RunJob, RunnerPorts } from '../../../src/controllers/promotions/ports.ts';
import { createClusterTwin, no } from '../../support/twins/cluster.ts';
import { candidates, fakeExecution, promotionTime, runObject, runStore, WRITTEN } from './fixture.ts';

const NAME = { namespace: 'platform', name: 'node-to-golden-1' };
const TEMPLATE = {
  image: 'registry.example.com/pratique:1',
  serviceAccountName: 'pratique-runs',
  installation: 'pratique',
  resources: { limits: { memory: '256Mi' } },
};
const NEVER = new AbortController().signal;

/** A cluster whose Jobs do what the test sets, and a controller that creates them. */
function fixture(maxAtOnce = 2, refusal?: () => Written) {
  const time = promotionTime();
  const store = runStore();
  store.put(runObject());
  const jobs = new Map<string, { run: string; over: boolean }>();
  const execution = fakeExecution({ candidates: candidates('1', '2'), imageMs: 10_000 }, time);
  const portsOf = (identity: string): RunnerPorts => ({
    ...time,
    identity,
    runs: store,
    executions: { check: () => Promise.resolve(undefined), open: () => Promise.resolve(execution) },
    approvals: () => [],
    report: (error) => {
      throw error;
    },
  });
  const ports = portsOf('controller-a');
  const seeing: { blind?: Fault } = {};
  const drive = driveJobs(
    { ports, leases: createRunLeases(ports) },
    {
      jobs: {
        of: ({ metadata }) => {
          if (seeing.blind) return Promise.reject(seeing.blind);
          return Promise.resolve(
            [...jobs].flatMap(([name, { run, over }]): RunJob[] =>
              run === metadata.name ? [{ name, over }] : [],
            ),
          );
        },
        create: (job) => {
          const no = refusal?.();
          if (no) return Promise.resolve(no);
          const { metadata } = job as { metadata: { name: string; ownerReferences: { name: string }[] } };
          jobs.set(metadata.name, { run: metadata.ownerReferences[0]?.name ?? '', over: false });
          return Promise.resolve(WRITTEN);
        },
      },
      template: TEMPLATE,
      maxAtOnce,
    },
  );
  return Object.assign(seeing, {
    time,
    store,
    jobs,
    look: (name = NAME) => drive(name, NEVER),
    /** What the pod of a Job does. */
    begin: (job: string, signal = NEVER) => {
      const mine = portsOf(`${job}/x1`);
      return executeRun(NAME, { ports: mine, leases: createRunLeases(mine) }, signal);
    },
    end: (job: string) => void jobs.set(job, { run: NAME.name, over: true }),
    status: () => store.peek(NAME.name)?.status ?? {},
  });
}

describe('runs as Jobs', () => {
  it('creates one Job for a run, and the Job carries it out', async () => {
    const all = fixture();
    await all.look();
    await all.look();
    expect([...all.jobs.keys()]).to.deep.equal(['node-to-golden-1-1']);
    const ended = all.begin('node-to-golden-1-1');
    await all.time.pass(30_000);
    expect(await ended).to.include({ end: 'over' });
    all.end('node-to-golden-1-1');
    expect(await all.look()).to.equal(undefined);
    expect(all.jobs.size).to.equal(1);
  });

  it('creates another Job when a Job ended before its run, but only after its lease has expired', async () => {
    const all = fixture();
    await all.look();
    void all.begin('node-to-golden-1-1');
    await all.time.pass(5_000);
    // The node fails: no more renewals, while the API server still shows the Job unchanged.
    const { status } = all.store.peek(NAME.name) ?? {};
    all.store.put({
      ...runObject(),
      status: {
        ...status,
        claim: {
          holder: 'node-to-golden-1-1/x1',
          epoch: 1,
          renewTime: '2026-01-01T00:00:00Z',
          durationSeconds: 30,
        },
      },
    });
    await all.look();
    expect(all.jobs.size).to.equal(1);
    await all.time.pass(31_000);
    all.store.put({
      ...runObject(),
      status: {
        ...status,
        claim: {
          holder: 'node-to-golden-1-1/x1',
          epoch: 1,
          renewTime: '2026-01-01T00:00:00Z',
          durationSeconds: 30,
        },
      },
    });
    await all.look();
    expect([...all.jobs.keys()]).to.deep.equal(['node-to-golden-1-1', 'node-to-golden-1-2']);
    expect(all.status().claim, 'which need not wait for it once more').to.include({ holder: '', epoch: 2 });
    await all.look();
    expect(all.jobs.size).to.equal(2);
    expect(all.status().claim?.epoch).to.equal(2);
  });

  it('fails a run whose Jobs end one after the other', async () => {
    const all = fixture();
    for (let job = 1; job <= 6; job += 1) {
      await all.look();
      all.end(`node-to-golden-1-${String(Math.min(job, 5))}`);
    }
    expect(all.jobs.size).to.equal(5);
    expect(all.status().phase).to.equal('Failed');
    expect(all.status().conditions?.find(({ type }) => type === 'Failed')).to.include({
      status: 'True',
      reason: 'JobFailed',
    });
    expect(await all.look()).to.equal(undefined);
  });

  it('names the last Job of a failed run, because its log holds the cause', () => {
    const jobs = [1, 2, 3, 4, 5].map((job) => ({ name: `node-to-golden-1-${String(job)}`, over: true }));
    expect(jobNeed(runObject(), jobs, 0)).to.deep.equal({ what: 'give up', last: 'node-to-golden-1-5' });
    const decided = { ...runObject(), status: { considered: ['approval-1'] } };
    expect(jobNeed(decided, jobs, 0).what, 'a decision takes one more').to.equal('create');
  });

  it('ends a run whose Job is refused, with the message of the API server, and allows a retry', async () => {
    const all = fixture(2, () => no(403, 'Forbidden', 'exceeded quota: jobs'));
    await all.look();
    expect(all.status()).to.include({ phase: 'Failed', retryable: true });
    const failed = all.status().conditions?.find(({ type }) => type === 'Failed');
    expect(failed).to.include({ status: 'True', reason: 'ClusterDenied' });
    expect(failed?.message).to.include('exceeded quota');
    expect(await all.look()).to.equal(undefined);
  });

  it('accepts a Job that exists already as its own', async () => {
    const all = fixture(2, () => no(409, 'AlreadyExists', 'already exists'));
    await all.look();
    expect(all.status().phase).to.equal(undefined);
  });

  it('ends a run whose Jobs it may not read, and tries again when the API server is unavailable', async () => {
    const denial = (transient: boolean) =>
      new Fault({
        code: transient ? 'ClusterUnavailable' : 'ClusterDenied',
        operation: 'list jobs',
        side: 'cluster',
        transient,
        detail: 'no',
      });
    const all = fixture();
    all.blind = denial(true);
    const [away] = await Promise.allSettled([all.look()]);
    expect(away.status).to.equal('rejected');
    expect(all.status().phase).to.equal(undefined);
    all.blind = denial(false);
    await all.look();
    expect(all.status()).to.include({ phase: 'Failed', retryable: true });
  });

  it('M38: Jobs of others, however many and whatever their labels and names, neither hide the Job of a run nor count as it', async () => {
    const cluster = createClusterTwin();
    const job = (name: string, uid?: string, status?: object) => {
      const ownerReferences = uid === undefined ? [] : [{ uid }];
      const labels = { 'pratique.dev/run': NAME.name };
      const metadata = { name, namespace: NAME.namespace, labels, ownerReferences };
      cluster.put(RESOURCES.jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata, status });
    };
    const run = runObject();
    const need = async () => jobNeed(run, await createJobStore(cluster).of(run, jobNames(run), NEVER), 0);
    for (let other = 0; other < 600; other += 1) job(`a-${String(other)}`);
    expect(await need()).to.deep.equal({ what: 'create', name: 'node-to-golden-1-1' });
    job('node-to-golden-1-1', 'uid-of-another');
    expect(await need()).to.deep.equal({ what: 'create', name: 'node-to-golden-1-2' });
    job('node-to-golden-1-2', run.metadata.uid);
    expect(await need()).to.deep.equal({ what: 'wait' });
    job('node-to-golden-1-2', run.metadata.uid, { conditions: [{ type: 'Failed', status: 'True' }] });
    expect(await need()).to.deep.equal({ what: 'create', name: 'node-to-golden-1-3' });
    job('node-to-golden-1-5');
    expect(await need()).to.deep.equal({ what: 'give up', last: 'node-to-golden-1-5' });
  });

  it('creates no more Jobs at a time than configured', async () => {
    const all = fixture(1);
    all.store.put(runObject({}, 'another-1'));
    await all.look();
    await all.look({ ...NAME, name: 'another-1' });
    expect([...all.jobs.keys()]).to.deep.equal(['node-to-golden-1-1']);
    all.store.remove(NAME.name);
    await all.look();
    await all.look({ ...NAME, name: 'another-1' });
    expect([...all.jobs.keys()]).to.deep.equal(['node-to-golden-1-1', 'another-1-1']);
  });

  it('waits for the pod of a new Job to take over', () => {
    const run = {
      ...runObject(),
      status: { claim: { holder: 'node-to-golden-1-1/x', epoch: 1, renewTime: '', durationSeconds: 30 } },
    };
    const jobs = [
      { name: 'node-to-golden-1-1', over: false },
      { name: 'node-to-golden-1-2', over: false },
    ];
    expect(jobNeed(run, jobs, 0)).to.deep.equal({ what: 'wait' });
    expect(jobNeed(run, jobs.slice(0, 1), 0)).to.deep.equal({ what: 'create', name: 'node-to-golden-1-2' });
  });

  it('creates a Job without retries that is deleted with its run and has no privileges on the host', () => {
    const job = JSON.parse(
      JSON.stringify(jobObject(runObject(), 'j-1', { ...TEMPLATE, deadlineMs: 90_500 })),
    ) as {
      metadata: { ownerReferences: unknown[] };
      spec: {
        backoffLimit: number;
        activeDeadlineSeconds: number;
        template: { spec: Record<string, unknown> & { containers: Record<string, unknown>[] } };
      };
    };
    expect(job.metadata.ownerReferences).to.deep.equal([
      {
        apiVersion: 'pratique.dev/v1alpha1',
        kind: 'ImagePromotionRun',
        name: NAME.name,
        uid: 'uid-node-to-golden-1',
        controller: true,
        blockOwnerDeletion: false,
      },
    ]);
    expect(job.spec).to.include({ backoffLimit: 0, activeDeadlineSeconds: 91 });
    const { containers, ...pod } = job.spec.template.spec;
    expect(pod).to.deep.include({ restartPolicy: 'Never', serviceAccountName: 'pratique-runs' });
    expect(pod.automountServiceAccountToken).to.equal(true);
    expect(pod.securityContext).to.deep.include({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(containers).to.have.lengthOf(1);
    expect(containers[0]).to.deep.include({
      image: TEMPLATE.image,
      resources: TEMPLATE.resources,
      args: ['run', NAME.name, '--namespace', 'platform', '--holder', 'j-1', '--installation', 'pratique'],
      terminationMessagePolicy: 'FallbackToLogsOnError',
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    });
  });
});
