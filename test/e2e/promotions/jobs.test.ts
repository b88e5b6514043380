import { expect } from 'chai';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { listReferrers, listTags } from '../../support/registry/listings.ts';
import type { Pushed } from '../../support/registry/push.ts';
import {
  ACCOUNT,
  JOBS,
  openJobFixture,
  TAKEN_OVER_WITHIN_MS,
  type JobFixture,
} from '../support/promotions/job-fixture.ts';
import { NAMESPACE, promotion, type Promotions, type RunSeen } from '../support/promotions/promotions.ts';
import { until } from '../support/wait.ts';

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
/** Much longer than a run of a Job, and shorter than the timeout of a command. */
const WITHIN_MS = 50_000;
/** For the tests in which claims must expire. */
const PATIENT_MS = TAKEN_OVER_WITHIN_MS + 60_000;

describe('promotions, each run by a Job', () => {
  let fixture: JobFixture;
  let flow: Promotions;
  let slow: EmbeddedRegistry;

  before(async () => {
    slow = await startRegistry();
    fixture = await openJobFixture();
    ({ flow } = fixture);
  });
  after(async () => {
    await fixture.stop();
    await slow.close();
  });

  const slowMirror = (name: string) =>
    promotion(name, {
      source: fixture.at(`public/${name}`, slow.host),
      target: fixture.at(`quarantine/${name}`, slow.host),
      tags: { semver: ['>=1'] },
      mirror: {},
      maxParallelImages: 1,
    });
  /** Delays the run of a slow mirror at the manifest of this tag, until it is released. */
  const holdAt = (name: string, tag: string) => {
    const held = Promise.withResolvers<undefined>();
    const over = Promise.withResolvers<'hang up' | undefined>();
    slow.intercept(async ({ method, url }) => {
      if (method !== 'PUT' || !url.pathname.endsWith(`/quarantine/${name}/manifests/${tag}`))
        return undefined;
      held.resolve(undefined);
      return over.promise;
    });
    return {
      held: held.promise,
      goOn: () => {
        slow.intercept(undefined);
        over.resolve(undefined);
      },
      /** The client that sent it is gone. */
      drop: () => {
        slow.intercept(undefined);
        over.resolve('hang up');
      },
    };
  };
  const expectArrivedOnce = async (name: string, images: readonly Pushed[]): Promise<void> => {
    const { promoted, upToDate, failed } = (await flow.promotion(name)).status?.counts ?? {};
    expect([(promoted ?? 0) + (upToDate ?? 0), failed]).to.deep.equal([images.length, 0]);
    for (const { digest } of images) {
      const referrers = await listReferrers(fixture.place(`quarantine/${name}`, slow.host), digest);
      const types = referrers.map(({ artifactType }) => artifactType);
      expect(types.filter((type) => type === QUARANTINE)).to.have.lengthOf(1);
      expect(types).to.have.lengthOf(new Set(types).size);
    }
  };

  it('a mirror is carried out by a Job in its namespace, with its service account', async () => {
    await fixture.push('public/app', '1.4.0');
    await flow.apply(
      promotion('app', {
        source: fixture.at('public/app'),
        target: fixture.at('flow/quarantine/app'),
        tags: { semver: ['>=1'] },
        mirror: {},
      }),
    );
    await flow.wait('ipr/app', 'Ready', WITHIN_MS);
    const run = await fixture.onlyRunOf('app');
    expect(run.status?.phase).to.equal('Succeeded');
    expect(await listTags(fixture.place('flow/quarantine/app'))).to.include('1.4.0');
    const [pod, ...others] = fixture.podsOf(run);
    expect(others).to.deep.equal([]);
    expect(pod?.args.slice(0, 8)).to.deep.equal([
      ...['run', run.metadata.name, '--namespace', NAMESPACE],
      ...['--holder', `${run.metadata.name}-1`, '--installation', 'pratique'],
    ]);
    expect(await pod?.ended).to.equal(0);
    await flow.kubectl('wait', `job/${pod?.job ?? ''}`, '--for=condition=Complete', '--timeout=30s');
  });

  it('a promotion applies its policies, signs with its Secret, and its image is admitted', async () => {
    const { registry, cosign, keys } = fixture.fixture;
    const good = await fixture.push('flow/quarantine/web', '2.0.0');
    await cosign.sign(good.reference, { key: keys.security, format: 'bundle' });
    await fixture.push('flow/quarantine/web', '2.1.0');
    await flow.apply(
      promotion('web', {
        source: fixture.at('flow/quarantine/web'),
        target: fixture.at('flow/golden/web'),
        tags: { semver: ['>=1'] },
        promote: { policies: ['candidates'], sign: { secretRef: { name: 'cosign-key' } } },
      }),
    );
    await flow.wait('ipr/web', 'Ready', WITHIN_MS);
    expect((await flow.promotion('web')).status?.counts).to.include({ promoted: 1, blocked: 1 });
    const admitted = await fixture.fixture.run(`${registry.host}/flow/golden/web:2.0.0`);
    expect(admitted.code, admitted.stderr).to.equal(0);
    expect(await listTags(fixture.place('flow/golden/web'))).to.not.include('2.1.0');
  });

  it('an image that waits for a person continues in another Job when an approver has decided', async () => {
    const image = await fixture.push('flow/quarantine/careful', '2.0.0');
    await flow.apply(
      promotion('careful', {
        source: fixture.at('flow/quarantine/careful'),
        target: fixture.at('flow/golden/careful'),
        tags: { semver: ['>=1'] },
        promote: { approval: 'Always' },
      }),
    );
    await flow.until('careful', 'the wait', ({ status }) => status?.counts?.awaitingApproval === 1);
    const run = await fixture.onlyRunOf('careful');
    const decision = { run, digest: image.digest, approver: 'jane', reason: 'seen and tried' };
    const approved = await flow.approve('jane', decision);
    expect(approved.code, approved.stderr).to.equal(0);
    await flow.until('careful', 'its promotion', ({ status }) => status?.counts?.promoted === 1);
    const [after] = (await fixture.onlyRunOf('careful')).status?.images ?? [];
    expect(after).to.deep.include({ decision: 'Promoted', approvedBy: 'jane' });
    expect(fixture.podsOf(run)).to.have.lengthOf(2);
    expect(await listTags(fixture.place('flow/golden/careful'))).to.deep.equal(['2.0.0']);
  });

  it('an evicted Job releases its run, and the next one continues to the same end', async () => {
    const tags = ['1.0.0', '1.1.0', '1.2.0', '1.3.0'];
    const images = await Promise.all(tags.map((tag) => fixture.push('public/evicted', tag, slow.host)));
    const { held, drop } = holdAt('evicted', '1.2.0');
    await flow.apply(slowMirror('evicted'));
    await held;
    const first = await fixture.podOf('evicted');
    expect(await first.evict()).to.equal(2);
    drop();
    expect((await fixture.onlyRunOf('evicted')).status?.claim?.holder).to.equal('');
    await flow.wait('ipr/evicted', 'Ready', WITHIN_MS);
    const run = await fixture.onlyRunOf('evicted');
    expect([run.status?.phase, run.status?.claim?.epoch]).to.deep.equal(['Succeeded', 2]);
    expect(fixture.podsOf(run).map(({ job }) => job)).to.deep.equal([
      `${run.metadata.name}-1`,
      `${run.metadata.name}-2`,
    ]);
    await flow.kubectl('wait', `job/${first.job}`, '--for=condition=Failed', '--timeout=30s');
    await expectArrivedOnce('evicted', images);
  });

  it('a Job that is lost with its node is replaced when its claim has expired, though no component reports its end', async () => {
    const tags = ['1.0.0', '1.1.0', '1.2.0'];
    const images = await Promise.all(tags.map((tag) => fixture.push('public/lost', tag, slow.host)));
    const { held, drop } = holdAt('lost', '1.1.0');
    await flow.apply(slowMirror('lost'));
    await held;
    const first = await fixture.podOf('lost');
    await first.lose();
    drop();
    const second = await fixture.podOf('lost', 1);
    expect(await second.ended).to.equal(0);
    await flow.wait('ipr/lost', 'Ready', WITHIN_MS);
    const run = await fixture.onlyRunOf('lost');
    // One renewal by the leader, which releases the claim for the second Job.
    expect([run.status?.phase, run.status?.claim?.epoch]).to.deep.equal(['Succeeded', 3]);
    const active = ['-o', 'jsonpath={.status.active}'];
    expect(await flow.kubectl('get', `job/${first.job}`, ...active), 'as the API server has it').to.equal(
      '1',
    );
    await expectArrivedOnce('lost', images);
  }).timeout(PATIENT_MS);

  it('a second process for the same run waits for the first, and then has nothing to do', async () => {
    const images = await Promise.all(
      ['1.0.0', '1.1.0'].map((tag) => fixture.push('public/twice', tag, slow.host)),
    );
    const { held, goOn } = holdAt('twice', '1.1.0');
    await flow.apply(slowMirror('twice'));
    await held;
    const { name } = (await fixture.onlyRunOf('twice')).metadata;
    const account = await fixture.kubelet.login(ACCOUNT);
    const order = ['run', name, '-n', NAMESPACE, '--holder', 'by-hand', '--installation', 'pratique'];
    const second = fixture.fixture.installation.pratique(order, account);
    const asked = async () =>
      (await fixture.log.requestsOf(JOBS)).filter(
        ({ verb, objectRef }) => verb === 'get' && objectRef?.name === name,
      );
    const before = (await asked()).length;
    await until({
      what: 'the second process to look at the run',
      withinMs: WITHIN_MS,
      check: async () => (await asked()).length > before,
    });
    const { claim } = (await fixture.onlyRunOf('twice')).status ?? {};
    expect(claim?.holder).to.match(new RegExp(`^${name}-1/`));
    goOn();
    await flow.wait('ipr/twice', 'Ready', WITHIN_MS);
    const { code, stderr } = await second;
    expect([code, stderr]).to.deep.equal([
      0,
      `${NAMESPACE}/${name}: nothing to do: it has ended, or is not there\n`,
    ]);
    expect((await fixture.onlyRunOf('twice')).status?.claim?.epoch).to.equal(1);
    await expectArrivedOnce('twice', images);
  });

  it('a promotion is deleted with its Job, and nothing more is promoted', async () => {
    await Promise.all(
      ['1.0.0', '1.1.0', '1.2.0'].map((tag) => fixture.push('public/deleted', tag, slow.host)),
    );
    const { held, drop } = holdAt('deleted', '1.1.0');
    await flow.apply(slowMirror('deleted'));
    await held;
    const pod = await fixture.podOf('deleted');
    const { metadata } = await fixture.onlyRunOf('deleted');
    await flow.kubectl('delete', 'ipr/deleted');
    expect(await pod.ended).to.equal(2);
    drop();
    await until({
      what: 'its Job to go',
      withinMs: WITHIN_MS,
      everyMs: 300,
      check: async () =>
        (await flow.kubectl('get', 'jobs,pods', '-l', `pratique.dev/run=${metadata.name}`)) === '',
    });
    expect(fixture.podsOf({ metadata } as RunSeen)).to.have.lengthOf(1);
    const tags = await listTags(fixture.place('quarantine/deleted', slow.host));
    expect(tags).to.not.include('1.1.0');
  });
});
