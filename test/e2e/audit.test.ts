import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { openReportsCrd } from '../support/open-reports.ts';
import { pushImage } from '../support/registry/push.ts';
import {
  openClusterFixture,
  REQUIRE_SIGNATURES,
  type ClusterFixture,
} from './support/cluster/cluster-fixture.ts';
import { policy, secret } from './support/installation/policies.ts';
import { openRunningPods, type RunningPods } from './support/cluster/running-pods.ts';
import { until } from './support/wait.ts';

const NAMESPACE = 'shop';
/** A change in a watch takes effect at once; the rest is for a busy machine. The next regular run would be minutes later. */
const AT_ONCE_MS = 15_000;
/** Status and reports are written every five seconds. */
const REPORTED_WITHIN_MS = 20_000;
const END_OF_LIFE = 'org.opencontainers.image.support.end-of-life';

interface Counts {
  readonly judged: number;
  readonly denied: number;
  readonly warned: number;
  readonly unknown: number;
}

/** The fields of a Report that tests read. */
interface ReportRead {
  readonly summary: Readonly<Record<string, number>>;
  readonly results: readonly {
    readonly policy: string;
    readonly rule: string;
    readonly result: string;
    readonly resources: readonly { readonly name: string }[];
  }[];
}

/** The visible results of an audit. */
interface Watch {
  readonly fixture: ClusterFixture;
  readonly pods: RunningPods;
  /** Pushes an image outside of what the policy `production` covers; answers its reference by digest. */
  push(repository: string, annotations?: Readonly<Record<string, string>>): Promise<string>;
  apply(name: string, spec: Readonly<Record<string, unknown>>): Promise<void>;
  /** Distinct running images with this verdict and reason, by the leader's metrics. */
  images(verdict: string, reason: string): Promise<number>;
  untilImages(verdict: string, reason: string, count: number, withinMs?: number): Promise<void>;
  untilCounts(name: string, counts: Partial<Counts>): Promise<void>;
  untilEvent(pod: string, type: string, reason: string): Promise<void>;
}

async function openWatch(values: Readonly<Record<string, unknown>>, crds: readonly object[]): Promise<Watch> {
  const fixture = await openClusterFixture({
    values,
    prepare: async (cluster) => {
      for (const crd of crds) await cluster.apply(crd);
    },
  });
  const { cluster, registry } = fixture;
  const pods = await openRunningPods(cluster, NAMESPACE);
  const images: Watch['images'] = async (verdict, reason) => {
    const pages = await Promise.all(fixture.replicas.map(async (one) => (await one.page('/metrics')).body));
    const line = `pratique_running_images{verdict="${verdict}",reason="${reason}"} `;
    const found = pages
      .join('\n')
      .split('\n')
      .find((one) => one.startsWith(line));
    return found === undefined ? 0 : Number(found.slice(line.length));
  };
  return {
    fixture,
    pods,
    images,
    push: async (repository, annotations = {}) => {
      const target = { registry: registry.host, repository, tag: 'v1' };
      return (await pushImage(target, { salt: repository, annotations })).reference;
    },
    apply: (name, spec) => cluster.apply(policy(name, `${registry.host}/${name}/**`, spec)),
    untilImages: (verdict, reason, count, withinMs = AT_ONCE_MS) =>
      until({
        what: `${String(count)} running images with ${verdict} ${reason}`,
        withinMs,
        check: async () => (await images(verdict, reason)) === count,
      }),
    untilCounts: async (name, counts) => {
      let last = '';
      const check = async () => {
        const { stdout } = await cluster.kubectl(['get', 'ipol', name, '-o', 'json']);
        const { status } = JSON.parse(stdout) as { status?: { images?: Counts } };
        last = JSON.stringify(status?.images);
        return Object.entries(counts).every(
          ([key, count]) => status?.images?.[key as keyof Counts] === count,
        );
      };
      const what = `counts ${JSON.stringify(counts)} of policy ${name}`;
      await until({ what, withinMs: REPORTED_WITHIN_MS, check }).catch((error: unknown) => {
        throw new Error(`${String(error)}, but ${last}`);
      });
    },
    untilEvent: (name, type, reason) =>
      until({
        what: `event ${type} ${reason} about pod ${name}`,
        withinMs: AT_ONCE_MS,
        check: async () =>
          (await pods.events(name)).some((event) => event.type === type && event.reason === reason),
      }),
  };
}

describe('running images are judged again at once after a change', () => {
  let watch: Watch;
  let fixture: ClusterFixture;
  let pods: RunningPods;

  before(async () => {
    watch = await openWatch({}, []);
    ({ fixture, pods } = watch);
  });

  after(() => fixture.stop());

  it('an unsigned image that ran before the policy existed is counted, reported and measured', async () => {
    const image = await watch.push('legacy/web');
    await pods.start('legacy', image);
    await watch.apply('legacy', REQUIRE_SIGNATURES);
    await watch.untilImages('deny', 'Unsigned', 1);
    await watch.untilEvent('legacy', 'Warning', 'Unsigned');
    const [event] = await pods.events('legacy');
    expect(event?.action).to.equal('Audit');
    expect(event?.note).to.contain('[policy legacy]').and.to.contain('legacy/web@sha256:');
    await watch.untilCounts('legacy', { judged: 1, denied: 1, warned: 0, unknown: 0 });
    const { stdout } = await fixture.cluster.kubectl(['get', 'ipol', 'legacy']);
    const [head = '', row = ''] = stdout.split('\n');
    const cells = (line: string) => line.split(/\s{2,}/);
    expect(cells(row)[cells(head).indexOf('DENIED')]).to.equal('1');
  });

  it('a policy that changes to Warn counts the image as a warning, and reports the improvement', async () => {
    await watch.apply('legacy', { ...REQUIRE_SIGNATURES, enforcement: 'Warn' });
    await watch.untilImages('warn', 'Unsigned', 1);
    expect(await watch.images('deny', 'Unsigned')).to.equal(0);
    await watch.untilEvent('legacy', 'Normal', 'Unsigned');
    await watch.untilCounts('legacy', { judged: 1, denied: 0, warned: 1 });
  });

  it('a deleted pod is not counted', async () => {
    await pods.remove('legacy');
    await watch.untilImages('warn', 'Unsigned', 0);
    await watch.untilCounts('legacy', { judged: 0, warned: 0 });
  });

  it('the digest that the node runs is judged, wherever its tag points to now', async () => {
    const { registry, cosign, keys } = fixture;
    const signed = await watch.push('nodes/web');
    await cosign.sign(signed, { key: keys.release, format: 'bundle' });
    const moved = { registry: registry.host, repository: 'nodes/web', tag: 'v1' };
    const { reference: unsigned } = await pushImage(moved, { salt: 'moved' });
    const tag = signed.replace(/@.*/, ':v1');
    // Admitted without a warning by a policy that does not refuse, as it would have been before there was one.
    await watch.apply('nodes', { ...REQUIRE_SIGNATURES, enforcement: 'Audit' });
    await pods.start('by-node', tag, signed);
    await watch.untilCounts('nodes', { judged: 1, warned: 0, unknown: 0 });
    await pods.start('by-node-now', tag, unsigned);
    await watch.untilCounts('nodes', { judged: 2, warned: 1, unknown: 0 });
    await pods.remove('by-node');
    await pods.remove('by-node-now');
  });

  it('an end of life changes the verdict on its date without another change', async () => {
    const end = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 15_000);
    const image = await watch.push('ending/web', { [END_OF_LIFE]: end.toISOString() });
    await pods.start('ending', image);
    await watch.apply('ending', { authorities: [], require: { lifecycle: {} } });
    await watch.untilImages('warn', 'EndOfLifeNear', 1);
    expect(await watch.images('deny', 'PastEndOfLife')).to.equal(0);
    await sleep(Math.max(0, end.getTime() - Date.now()));
    await watch.untilImages('deny', 'PastEndOfLife', 1);
    expect(await watch.images('warn', 'EndOfLifeNear')).to.equal(0);
    await watch.untilEvent('ending', 'Warning', 'PastEndOfLife');
    await watch.untilCounts('ending', { judged: 1, denied: 1 });
    await pods.remove('ending');
  });

  it('running images are judged again after each rotation of a key in its Secret', async () => {
    const { cluster, installation, keys } = fixture;
    const metadata = { name: 'release-key', namespace: installation.namespace };
    const withKey = (pem: string) => cluster.apply({ ...secret('release-key', pem), metadata });
    await pods.start('rotated', await fixture.push('rotated', keys.release));
    await watch.untilImages('allow', '', 1);
    await withKey(keys.stranger.publicPem);
    await watch.untilImages('deny', 'Unsigned', 1);
    await watch.untilEvent('rotated', 'Warning', 'Unsigned');
    await withKey(keys.release.publicPem);
    await watch.untilImages('deny', 'Unsigned', 0);
    await watch.untilEvent('rotated', 'Normal', 'Admissible');
    await pods.remove('rotated');
  });

  it('running images are judged when labels of their namespace match a policy', async () => {
    await pods.start('labelled', await watch.push('labelled/web'));
    const { host } = fixture.registry;
    await watch.apply('labelled', {
      ...REQUIRE_SIGNATURES,
      match: { images: [`${host}/labelled/**`], namespaceSelector: { matchLabels: { enforce: 'true' } } },
    });
    await watch.untilCounts('labelled', { judged: 0 });
    await fixture.cluster.kubectl(['label', 'namespace', NAMESPACE, 'enforce=true']);
    await watch.untilImages('deny', 'Unsigned', 1);
    await fixture.cluster.kubectl(['label', 'namespace', NAMESPACE, 'enforce-']);
    await watch.untilImages('deny', 'Unsigned', 0);
    await pods.remove('labelled');
  });

  describe('warnings at admission', () => {
    const warned = async (image: string, ...parts: readonly string[]): Promise<void> => {
      const { code, stderr } = await fixture.run(image);
      expect(code, stderr).to.equal(0);
      const line = stderr.split('\n').find((one) => one.startsWith('Warning: '));
      for (const part of parts) expect(line).to.contain(part);
    };

    it('a user of kubectl sees the warning of a policy', async () => {
      await warned(await watch.push('legacy/other'), ': Unsigned: ', '[policy legacy]');
    });

    it('a user of kubectl sees a near end of life', async () => {
      const soon = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
      const image = await watch.push('ending/soon', { [END_OF_LIFE]: soon });
      await warned(image, ': EndOfLifeNear: ', soon);
    });

    it('a user of kubectl sees no warning for a later end of life', async () => {
      const far = new Date(Date.now() + 300 * 86_400_000).toISOString().slice(0, 10);
      const { code, stderr } = await fixture.run(await watch.push('ending/far', { [END_OF_LIFE]: far }));
      expect(code, stderr).to.equal(0);
      expect(stderr).to.equal('');
    });
  });
});

describe('running images are judged again at the interval, and reported', () => {
  let watch: Watch;
  let fixture: ClusterFixture;

  before(async () => {
    watch = await openWatch({ settings: { audit: { everyMs: 2_000 } } }, [openReportsCrd()]);
    ({ fixture } = watch);
  });

  after(() => fixture.stop());

  const report = async (): Promise<ReportRead | undefined> => {
    const asked = ['get', 'reports.openreports.io', 'pratique', '-n', NAMESPACE, '-o', 'json'];
    const { code, stdout } = await fixture.cluster.kubectl(asked);
    return code === 0 ? (JSON.parse(stdout) as ReportRead) : undefined;
  };

  it('an unsigned image is in the report, and the report is deleted after the image was signed', async () => {
    const image = await watch.push('legacy/web');
    await watch.pods.start('legacy', image);
    await watch.apply('legacy', REQUIRE_SIGNATURES);
    await watch.untilImages('deny', 'Unsigned', 1);
    await until({
      what: 'the report',
      withinMs: REPORTED_WITHIN_MS,
      check: async () => (await report()) !== undefined,
    });
    const { summary, results } = (await report())!;
    expect(summary).to.include({ fail: 1, error: 0 });
    const reported = results.map(({ policy: by, rule, result, resources }) => ({
      ...{ by, rule, result },
      pods: resources.map(({ name }) => name),
    }));
    expect(reported).to.deep.equal([{ by: 'legacy', rule: 'Unsigned', result: 'fail', pods: ['legacy'] }]);
    await watch.untilCounts('legacy', { denied: 1 });

    await fixture.cosign.sign(image, { key: fixture.keys.release, format: 'bundle' });
    await watch.untilImages('deny', 'Unsigned', 0, REPORTED_WITHIN_MS);
    await watch.untilEvent('legacy', 'Normal', 'Admissible');
    await watch.untilCounts('legacy', { judged: 1, denied: 0 });
    await until({
      what: 'the report to be removed',
      withinMs: REPORTED_WITHIN_MS,
      check: async () => (await report()) === undefined,
    });
  });
});
