import { expect } from 'chai';
import {
  ACCOUNT,
  CONTROLLER,
  IMAGE,
  IMAGE_NAME,
  JOBS,
  openJobFixture,
  untilAllowed,
  type JobFixture,
} from '../support/promotions/job-fixture.ts';
import { policy } from '../support/installation/policies.ts';
import {
  NAMESPACE,
  promotion,
  type PromotionSeen,
  type Promotions,
} from '../support/promotions/promotions.ts';
import { until } from '../support/wait.ts';

/** Much longer than a run of a Job, and shorter than the timeout of a command. */
const WITHIN_MS = 50_000;
/** Five Jobs, one after the other, each created at most ten seconds after the previous one ended. */
const GIVEN_UP_WITHIN_MS = 150_000;
/** For setup and cleanup. */
const PATIENCE_MS = 60_000;

describe('the rights of promotions with Jobs', () => {
  let fixture: JobFixture;
  let flow: Promotions;

  before(async () => {
    fixture = await openJobFixture();
    ({ flow } = fixture);
  });
  after(async () => {
    await fixture.stop();
  });

  it('are sufficient for a mirror, and for a promotion that requires policies and signs', async () => {
    const image = await fixture.push('public/app', '1.0.0');
    await flow.apply(
      promotion('app', {
        source: fixture.at('public/app'),
        target: fixture.at('flow/quarantine/app'),
        tags: { semver: ['>=1'] },
        mirror: {},
      }),
    );
    await flow.wait('ipr/app', 'Ready', WITHIN_MS);
    const { cosign, keys, registry } = fixture.fixture;
    const arrived = `${registry.host}/flow/quarantine/app@${image.digest}`;
    await cosign.sign(arrived, { key: keys.security, format: 'bundle' });
    await flow.apply(
      promotion('app-to-golden', {
        source: fixture.at('flow/quarantine/app'),
        target: fixture.at('flow/golden/app'),
        tags: { semver: ['>=1'] },
        promote: { policies: ['candidates'], sign: { secretRef: { name: 'cosign-key' } } },
      }),
    );
    await flow.wait('ipr/app-to-golden', 'Ready', WITHIN_MS);
    expect((await flow.promotion('app-to-golden')).status?.counts?.promoted).to.equal(1);
  });

  it('are reported in the promotion when one is missing, and the run continues when it is granted', async () => {
    await fixture.push('public/private', '1.0.0');
    const config = JSON.stringify({ auths: { [fixture.fixture.registry.host]: { auth: 'dTpw' } } });
    await flow.secret('push', { '.dockerconfigjson': config });
    await flow.apply(
      promotion('private', {
        source: fixture.at('public/private'),
        target: { ...fixture.at('flow/quarantine/private'), secretRef: { name: 'push' } },
        tags: { semver: ['>=1'] },
        mirror: {},
      }),
    );
    await flow.wait('ipr/private', 'Stalled', WITHIN_MS);
    const stalled = conditionOf(await flow.promotion('private'), 'Stalled');
    expect(stalled?.reason).to.equal('ClusterDenied');
    expect(stalled?.message).to.include('push').and.include(ACCOUNT);
    await fixture.allowToRead('push');
    await flow.kubectl('annotate', 'ipr/private', 'reconcile.pratique.dev/requestedAt=now');
    await flow.wait('ipr/private', 'Ready', WITHIN_MS);
  });

  it('start no Job in a namespace without the objects for Jobs, and the missing ones are reported', async () => {
    const { cluster } = fixture.fixture;
    await cluster.createNamespace('elsewhere');
    await cluster.apply({
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePromotion',
      metadata: { name: 'stray', namespace: 'elsewhere' },
      spec: {
        source: fixture.at('public/app'),
        target: fixture.at('flow/quarantine/stray'),
        tags: { semver: ['>=1'] },
        mirror: {},
      },
    });
    const stalled = ['--for=condition=Stalled', `--timeout=${String(WITHIN_MS)}ms`];
    const waited = await cluster.kubectl(['-n', 'elsewhere', 'wait', 'ipr/stray', ...stalled]);
    expect(waited.code, waited.stderr).to.equal(0);
    const message =
      'jsonpath={.status.conditions[?(@.type=="Stalled")].reason} {.status.conditions[?(@.type=="Stalled")].message}';
    const reported = async () =>
      (await cluster.kubectl(['-n', 'elsewhere', 'get', 'ipr/stray', '-o', message])).stdout;
    expect(await reported()).to.match(/^ClusterDenied .*jobs/);
    const bind = ['create', 'rolebinding', 'jobs', '--clusterrole=pratique-job-maker'];
    await cluster.kubectl(['-n', 'elsewhere', ...bind, '--serviceaccount=pratique:pratique']);
    await untilAllowed(cluster, { who: CONTROLLER, namespace: 'elsewhere', what: ['create', 'jobs'] });
    await cluster.kubectl([
      '-n',
      'elsewhere',
      'annotate',
      'ipr/stray',
      'reconcile.pratique.dev/requestedAt=now',
    ]);
    await until({
      what: 'the next thing that is missing',
      withinMs: WITHIN_MS,
      everyMs: 300,
      check: async () => (await reported()).includes(`no ServiceAccount ${ACCOUNT}`),
    });
    const { stdout } = await cluster.kubectl(['-n', 'elsewhere', 'get', 'iprr,jobs', '-o', 'name']);
    expect(stdout).to.equal('');
  });

  it('are not enough for a Job that admission refuses, and its message is reported', async () => {
    await fixture.fixture.cluster.apply(
      policy('own-image', IMAGE_NAME, { require: { signatures: { from: ['release'] } } }),
    );
    await until({
      what: 'the policy of the image',
      withinMs: WITHIN_MS,
      everyMs: 300,
      check: async () => (await fixture.fixture.run(IMAGE, '--dry-run=server')).code !== 0,
    });
    await flow.apply(
      promotion('refused', {
        source: fixture.at('public/app'),
        target: fixture.at('flow/quarantine/refused'),
        tags: { semver: ['>=1'] },
        mirror: {},
      }),
    );
    await flow.until(
      'refused',
      'the refusal',
      (seen) => conditionOf(seen, 'Ready')?.reason === 'ClusterDenied',
    );
    const ready = conditionOf(await flow.promotion('refused'), 'Ready');
    expect(ready?.message).to.include(IMAGE);
    expect(conditionOf(await flow.promotion('refused'), 'Reconciling')?.reason).to.equal('Retrying');
    await flow.kubectl('delete', 'ipr/refused');
    await fixture.fixture.cluster.kubectl(['delete', 'ipol/own-image']);
  });

  describe('the rights of controller and Jobs', () => {
    const may = (user: string, ...what: readonly string[]) =>
      fixture.fixture.cluster
        .kubectl(['auth', 'can-i', '--as', user, ...what])
        .then(({ stdout }) => stdout.trim());

    it('allow the controller to create Jobs of runs with one service account, and no other workload', async () => {
      const run = await fixture.onlyRunOf('app');
      const job = async (serviceAccountName: string, owned = true) => {
        const metadata = { generateName: 'forged-', namespace: NAMESPACE };
        const owner = {
          apiVersion: 'pratique.dev/v1alpha1',
          kind: 'ImagePromotionRun',
          name: run.metadata.name,
          uid: await flow.kubectl('get', `iprr/${run.metadata.name}`, '-o', 'jsonpath={.metadata.uid}'),
        };
        const spec = {
          serviceAccountName,
          restartPolicy: 'Never',
          containers: [{ name: 'run', image: IMAGE }],
        };
        const object = {
          apiVersion: 'batch/v1',
          kind: 'Job',
          metadata: { ...metadata, ...(owned && { ownerReferences: [owner] }) },
          spec: { suspend: true, template: { spec } },
        };
        const { code, stderr } = await fixture.fixture.cluster.kubectl(
          ['create', '-f', '-', '--as', CONTROLLER],
          {
            input: JSON.stringify(object),
          },
        );
        return code === 0 ? 'made' : stderr;
      };
      expect(await job('default')).to.include('for ImagePromotionRuns only');
      expect(await job(ACCOUNT, false)).to.include('for ImagePromotionRuns only');
      expect(await job(ACCOUNT)).to.equal('made');
      expect(await may(CONTROLLER, 'create', 'jobs', '-n', 'shop')).to.equal('no');
      expect(await may(CONTROLLER, 'create', 'pods', '-n', NAMESPACE)).to.equal('no');
    });

    it('allow the service account to read the granted objects, and to write the status of runs', async () => {
      expect(await may(JOBS, 'get', 'secrets/cosign-key', '-n', NAMESPACE)).to.equal('yes');
      expect(await may(JOBS, 'get', 'secrets/release-key', '-n', 'pratique')).to.equal('yes');
      for (const denied of [
        ['get', 'secrets/another', '-n', NAMESPACE],
        ['list', 'secrets', '-n', NAMESPACE],
        ['get', 'secrets/pratique-webhook-tls', '-n', 'pratique'],
        ['create', 'promotionapprovals.pratique.dev', '-n', NAMESPACE],
        ['update', 'imagepromotionruns.pratique.dev', '-n', NAMESPACE],
        ['update', 'imagepromotionruns.pratique.dev/status', '-n', 'shop'],
        ['create', 'jobs', '-n', NAMESPACE],
      ])
        expect(await may(JOBS, ...denied), denied.join(' ')).to.equal('no');
    });

    it('are all used by the service account, and no other request is sent', async () => {
      const asked = (await fixture.log.requestsOf(JOBS)).map(({ verb, objectRef }) => {
        const { resource = '', subresource, namespace, name } = objectRef ?? {};
        const object = resource === 'secrets' ? `/${name ?? ''}` : '';
        const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${object}`;
        return `${verb} ${what}${namespace === undefined ? '' : ` in ${namespace}`}`;
      });
      expect([...new Set(asked)].toSorted()).to.deep.equal([
        'get imagepolicies',
        `get imagepromotionruns in ${NAMESPACE}`,
        `get secrets/cosign-key in ${NAMESPACE}`,
        `get secrets/push in ${NAMESPACE}`,
        'get secrets/release-key in pratique',
        'get secrets/security-key in pratique',
        `list promotionapprovals in ${NAMESPACE}`,
        `update imagepromotionruns/status in ${NAMESPACE}`,
        `watch promotionapprovals in ${NAMESPACE}`,
      ]);
    });

    it('are missing for a run whose Jobs cannot start: its reason names the last Job, whose log shows the cause', async () => {
      const binding = ['rolebinding', 'pratique-promotion-run'];
      await flow.kubectl('delete', ...binding);
      await flow.apply(
        promotion('helpless', {
          source: fixture.at('public/app'),
          target: fixture.at('flow/quarantine/helpless'),
          tags: { semver: ['>=1'] },
          mirror: {},
        }),
      );
      await until({
        what: 'the run to be given up',
        withinMs: GIVEN_UP_WITHIN_MS,
        everyMs: 500,
        check: async () => conditionOf(await flow.promotion('helpless'), 'Stalled')?.reason === 'JobFailed',
      });
      const run = await fixture.onlyRunOf('helpless');
      const pods = fixture.podsOf(run);
      expect(pods).to.have.lengthOf(5);
      for (const pod of pods) expect(await pod.ended).to.equal(2);
      const last = pods.at(-1);
      expect(conditionOf(await flow.promotion('helpless'), 'Stalled')?.message).to.include(
        `job/${last?.job ?? ''}`,
      );
      expect(await last?.log()).to.match(/ClusterDenied: .*imagepromotionruns/);
    }).timeout(GIVEN_UP_WITHIN_MS + PATIENCE_MS);

    it('are not used by the leader to carry out a run: it writes only the status of runs that it gave up', async () => {
      const written = (await fixture.log.requestsOf(CONTROLLER))
        .filter(({ verb, objectRef }) => verb === 'update' && objectRef?.resource === 'imagepromotionruns')
        .map(({ objectRef }) => objectRef?.name ?? '');
      expect(written.filter((name) => !/^(?:refused|helpless)-/.test(name))).to.deep.equal([]);
      expect(written).to.not.be.empty;
    });
  });
});

function conditionOf({ status }: PromotionSeen, type: string) {
  return status?.conditions?.find((one) => one.type === type);
}
