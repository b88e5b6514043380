import { expect } from 'chai';
import { Fault } from '../../../src/core/model/index.ts';
import { MAX_PODS_TOLD } from '../../../src/doors/audit/tell-pods.ts';
import { DARK, found, policyOf } from '../../support/policies.ts';
import { auditBench, SETTINGS, type AuditBench } from './bench.ts';
import { pod, ran } from './pods.ts';

const NAME = 'registry.example.com/shop/web';
const IMAGE = `${NAME}:1.4.0@${ran(NAME).split('@')[1] ?? ''}`;
const DAY_MS = 86_400_000;

const lifecycle = (rest: object = {}) =>
  policyOf({ require: { lifecycle: { refuse: 'EndOfLife', warnBefore: '0s', ...rest } } });
const endsOn = (day: string) => ({
  [IMAGE]: { annotations: { 'org.opencontainers.image.support.end-of-life': day } },
});
const gauge = ({ audit }: AuditBench) =>
  audit.gauges[0]!.read().map(
    ({ labels, value }) => `${labels.verdict ?? ''} ${labels.reason ?? ''} ${value}`,
  );
const told = ({ events }: AuditBench) => events.map(({ type, reason }) => `${type} ${reason}`);

describe('the audit of running images', () => {
  let bench: AuditBench;
  beforeEach(() => {
    bench = auditBench();
  });
  afterEach(async () => {
    await bench.stop();
    expect(bench.bugs).to.deep.equal([]);
    expect(bench.time.pending()).to.deep.equal([]);
  });

  it('judges what runs with the logins of its pods', async () => {
    bench.policies = [lifecycle()];
    bench.put(pod({ serviceAccount: 'shop', pullSecrets: ['pull'] }));
    await bench.start();
    const [asked] = bench.asked;
    expect(asked?.images.map(({ image }) => image)).to.deep.equal([IMAGE]);
    expect(asked?.credentials).to.deep.equal({
      namespace: 'shop',
      serviceAccount: 'shop',
      pullSecrets: ['pull'],
    });
    expect(gauge(bench)).to.deep.equal(['allow  1']);
  });

  it('judges replicas once, and the same image once per namespace and login', async () => {
    bench.policies = [lifecycle()];
    for (const name of ['a', 'b', 'c']) bench.put(pod({ name }));
    bench.put(pod({ name: 'd', serviceAccount: 'other' }));
    bench.put(pod({ namespace: 'desk' }));
    await bench.start();
    expect(bench.asked).to.have.lengthOf(3);
    expect(gauge(bench)).to.deep.equal(['allow  1']);
    expect(bench.audit.snapshot()).to.include({ pods: 5, units: 3, judged: 3, queued: 0, running: true });
  });

  it('judges again at the interval, and at once when policies or the labels of a namespace change', async () => {
    bench.policies = [lifecycle()];
    bench.put(pod());
    await bench.start();
    await bench.time.pass(SETTINGS.everyMs + 2_000);
    expect(bench.asked).to.have.lengthOf(2);
    bench.change({ type: 'policies' });
    await bench.time.pass(1_000);
    expect(bench.asked).to.have.lengthOf(3);
    bench.change({ type: 'namespace', namespace: 'other' });
    bench.change({ type: 'namespace', namespace: 'shop' });
    await bench.time.pass(1_000);
    expect(bench.asked).to.have.lengthOf(4);
  });

  it('tells the pods on the day of the end of life, after the grace period', async () => {
    bench = auditBench({ everyMs: 40 * DAY_MS });
    bench.policies = [lifecycle({ warnBefore: '24h', gracePeriod: '24h' })];
    bench.evidence = endsOn('2026-06-20T00:00:00Z');
    bench.put(pod());
    await bench.start();
    await bench.time.pass(3.4 * DAY_MS);
    expect(told(bench)).to.deep.equal([]);
    await bench.time.pass(0.2 * DAY_MS);
    expect(told(bench)).to.deep.equal(['Warning EndOfLifeNear']);
    await bench.time.pass(2 * DAY_MS);
    expect(told(bench)).to.deep.equal(['Warning EndOfLifeNear', 'Warning PastEndOfLife']);
    expect(bench.events[1]?.note).to.match(/refused now.*c0: .*PastEndOfLife.*\[policy production\]/);
    expect(bench.events[1]?.regarding.uid).to.equal('uid-shop-web-1');
    expect(gauge(bench)).to.deep.equal(['deny PastEndOfLife 1']);
  });

  it('sets no timer that Node would let fire at once, however far the date', async () => {
    bench = auditBench({ everyMs: 365 * DAY_MS });
    bench.policies = [lifecycle()];
    bench.evidence = endsOn('2051-01-01');
    bench.put(pod());
    await bench.start();
    expect(Math.max(...bench.time.pending())).to.be.below(2 ** 31);
    expect(bench.asked).to.have.lengthOf(1);
  });

  it('says once that nothing is wrong any longer', async () => {
    bench.policies = [lifecycle()];
    bench.evidence = endsOn('2026-01-01');
    bench.put(pod());
    await bench.start();
    bench.evidence = {};
    await bench.time.pass(2 * SETTINGS.everyMs);
    expect(told(bench)).to.deep.equal(['Warning PastEndOfLife', 'Normal Admissible']);
  });

  it('tells a registry that stumbles only when it is still down at the next look', async () => {
    bench.policies = [lifecycle()];
    bench.put(pod());
    await bench.start();
    bench.evidence = { [IMAGE]: { manifest: DARK, referrers: DARK } };
    bench.change({ type: 'policies' });
    await bench.time.pass(10_000);
    expect(gauge(bench)).to.deep.equal(['unknown RegistryUnavailable 1']);
    expect(told(bench)).to.deep.equal([]);
    await bench.time.pass(70_000);
    expect(told(bench)).to.deep.equal(['Warning RegistryUnavailable']);
    await bench.time.pass(200_000);
    expect(told(bench)).to.have.lengthOf(1);
  });

  it('tells few of many pods, and says how many more there are', async () => {
    bench.policies = [lifecycle()];
    bench.evidence = endsOn('2026-01-01');
    for (let index = 0; index < 30; index += 1) bench.put(pod({ name: `web-${index}` }));
    await bench.start();
    expect(bench.events).to.have.lengthOf(MAX_PODS_TOLD + 1);
    expect(bench.events.at(-1)?.note).to.match(/^and 20 more pods: /);
  });

  it('does not know what runs when the node reports a configuration, and asks nobody', async () => {
    bench.policies = [lifecycle()];
    bench.put(pod({ images: { [`${NAME}:1.4.0`]: `sha256:${'ab'.repeat(32)}` } }));
    await bench.start();
    expect(bench.asked).to.deep.equal([]);
    expect(gauge(bench)).to.deep.equal(['unknown UnreadableEvidence 1']);
    expect(bench.statuses[0]?.status.images.unknown).to.equal(1);
  });

  it('counts as waiting what the node has not started, and judges it when it has', async () => {
    bench.policies = [lifecycle()];
    bench.put(pod({ images: { [`${NAME}:1.4.0`]: '' } }));
    await bench.start();
    expect(bench.audit.gauges[1]?.read()).to.deep.equal([{ labels: {}, value: 1 }]);
    bench.put(pod());
    await bench.time.pass(1_000);
    expect(bench.audit.gauges[1]?.read()).to.deep.equal([{ labels: {}, value: 0 }]);
    expect(gauge(bench)).to.deep.equal(['allow  1']);
  });

  const references: readonly [string, object, string][] = [
    ['refuses a tag where a digest is demanded', { require: { digest: {} } }, 'deny NotPinned 1'],
    ['refuses no tag that admission would pin', { require: { digest: {} }, pinDigests: true }, 'allow  1'],
  ];
  for (const [what, spec, expected] of references) {
    it(what, async () => {
      bench.policies = [policyOf({ ...spec, pinDigests: 'pinDigests' in spec })];
      bench.put(pod());
      await bench.start();
      expect(gauge(bench)).to.deep.equal([expected]);
    });
  }

  it('forgets what nothing runs any longer', async () => {
    bench.policies = [lifecycle()];
    bench.put(pod());
    await bench.start();
    bench.remove(pod());
    await bench.time.pass(SETTINGS.everyMs * 2);
    expect(bench.asked).to.have.lengthOf(1);
    expect(gauge(bench)).to.deep.equal([]);
    expect(bench.audit.snapshot()).to.include({ pods: 0, units: 0, judged: 0 });
  });

  it('tries again what a broken wire or a judge that hangs left open', async () => {
    let calls = 0;
    bench.answer = () => {
      calls += 1;
      if (calls > 2) return Promise.resolve([{ ...judged(IMAGE) }]);
      if (calls === 2) return new Promise(() => undefined);
      return Promise.reject(
        new Fault({
          code: 'ClusterUnavailable',
          operation: 'read Secret pull',
          side: 'cluster',
          transient: true,
          detail: 'gone',
        }),
      );
    };
    bench.put(pod());
    await bench.start();
    await bench.time.pass(200_000);
    expect(calls).to.equal(3);
    expect(bench.troubles.map(({ detail }) => detail)).to.have.lengthOf(2);
    expect(gauge(bench)).to.deep.equal(['allow  1']);
  });

  it('says nothing of what it learns after its term', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    bench.answer = async () => {
      await promise;
      return [judged(IMAGE)];
    };
    bench.put(pod());
    await bench.start();
    const stopped = bench.stop();
    resolve(undefined);
    await stopped;
    expect(bench.audit.snapshot()).to.include({ running: false, pods: 0 });
    expect(bench.statuses).to.deep.equal([]);
  });

  it('leaves images alone that a policy covers in other namespaces only', async () => {
    const selector = { matchLabels: { env: 'production' } };
    bench.policies = [
      policyOf({ match: { images: ['**'], namespaceSelector: selector }, require: { lifecycle: {} } }),
    ];
    bench.labels = { shop: found({ env: 'production' }) };
    bench.put(pod());
    bench.put(pod({ namespace: 'desk' }));
    await bench.start();
    expect(bench.statuses[0]?.status.images.judged).to.equal(1);
    bench.labels = {};
    bench.change({ type: 'namespace', namespace: 'shop' });
    await bench.time.pass(10_000);
    expect(bench.statuses.at(-1)?.status.images.judged).to.equal(0);
  });
});

function judged(image: string) {
  return { container: '', field: '', image, verdict: { kind: 'allow' as const, findings: [] } };
}
