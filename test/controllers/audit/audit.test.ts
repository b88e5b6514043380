import { expect } from 'chai';
import { Fault } from '../../../src/core/model/index.ts';
import { MAX_PODS_WITH_EVENTS } from '../../../src/controllers/audit/pod-events.ts';
import { UNKNOWN_FACT, found, policyOf } from '../../support/policies.ts';
import { auditFixture, snapshotOf, SETTINGS, type AuditFixture } from './fixture.ts';
import { pod, ran } from './pods.ts';

const NAME = 'registry.example.com/shop/web';
const IMAGE = `${NAME}:1.4.0@${ran(NAME).split('@')[1] ?? ''}`;
const DAY_MS = 86_400_000;

const lifecycle = (rest: object = {}) =>
  policyOf({ require: { lifecycle: { refuse: 'EndOfLife', warnBefore: '0s', ...rest } } });
const endsOn = (day: string) => ({
  [IMAGE]: { annotations: { 'org.opencontainers.image.support.end-of-life': day } },
});
const gauge = ({ audit }: AuditFixture) =>
  audit.gauges[0]!.read().map(
    ({ labels, value }) => `${labels.verdict ?? ''} ${labels.reason ?? ''} ${value}`,
  );
const reported = ({ events }: AuditFixture) => events.map(({ type, reason }) => `${type} ${reason}`);

describe('the audit of running images', () => {
  let fixture: AuditFixture;
  beforeEach(() => {
    fixture = auditFixture();
  });
  afterEach(async () => {
    await fixture.stop();
    expect(fixture.bugs).to.deep.equal([]);
    expect(fixture.time.pending()).to.deep.equal([]);
  });

  it('judges running images with the logins of their pods', async () => {
    fixture.policies = [lifecycle()];
    fixture.put(pod({ serviceAccount: 'shop', pullSecrets: ['pull'] }));
    await fixture.start();
    const [asked] = fixture.asked;
    expect(asked?.images.map(({ image }) => image)).to.deep.equal([IMAGE]);
    expect(asked?.credentials).to.deep.equal({
      namespace: 'shop',
      serviceAccount: 'shop',
      pullSecrets: ['pull'],
    });
    expect(gauge(fixture)).to.deep.equal(['allow  1']);
  });

  it('M23: judges for the namespace of the pods, in the background', async () => {
    fixture.policies = [lifecycle()];
    fixture.put(pod({ namespace: 'desk' }));
    await fixture.start();
    expect(fixture.asked.map(({ owner }) => owner)).to.deep.equal([{ namespace: 'desk', background: true }]);
  });

  it('judges replicas once, and the same image once per namespace and login', async () => {
    fixture.policies = [lifecycle()];
    for (const name of ['a', 'b', 'c']) fixture.put(pod({ name }));
    fixture.put(pod({ name: 'd', serviceAccount: 'other' }));
    fixture.put(pod({ namespace: 'desk' }));
    await fixture.start();
    expect(fixture.asked).to.have.lengthOf(3);
    expect(gauge(fixture)).to.deep.equal(['allow  1']);
    expect(snapshotOf(fixture)).to.include({ pods: 5, units: 3, judged: 3, queued: 0, running: true });
  });

  it('judges again at the interval, and at once when policies or the labels of a namespace change', async () => {
    fixture.policies = [lifecycle()];
    fixture.put(pod());
    await fixture.start();
    await fixture.time.pass(SETTINGS.everyMs + 2_000);
    expect(fixture.asked).to.have.lengthOf(2);
    fixture.change({ type: 'policies' });
    await fixture.time.pass(1_000);
    expect(fixture.asked).to.have.lengthOf(3);
    fixture.change({ type: 'namespace', namespace: 'other' });
    fixture.change({ type: 'namespace', namespace: 'shop' });
    await fixture.time.pass(1_000);
    expect(fixture.asked).to.have.lengthOf(4);
  });

  it('reports the pods on the day of the end of life, after the grace period', async () => {
    fixture = auditFixture({ everyMs: 40 * DAY_MS });
    fixture.policies = [lifecycle({ warnBefore: '24h', gracePeriod: '24h' })];
    fixture.evidence = endsOn('2026-06-20T00:00:00Z');
    fixture.put(pod());
    await fixture.start();
    await fixture.time.pass(3.4 * DAY_MS);
    expect(reported(fixture)).to.deep.equal([]);
    await fixture.time.pass(0.2 * DAY_MS);
    expect(reported(fixture)).to.deep.equal(['Warning EndOfLifeNear']);
    await fixture.time.pass(2 * DAY_MS);
    expect(reported(fixture)).to.deep.equal(['Warning EndOfLifeNear', 'Warning PastEndOfLife']);
    expect(fixture.events[1]?.note).to.match(/refused now.*c0: .*PastEndOfLife.*\[policy production\]/);
    expect(fixture.events[1]?.regarding.uid).to.equal('uid-shop-web-1');
    expect(gauge(fixture)).to.deep.equal(['deny PastEndOfLife 1']);
  });

  it('waits as long as the settings want, also when the date is years ahead', async () => {
    fixture = auditFixture({ everyMs: 365 * DAY_MS });
    fixture.policies = [lifecycle()];
    fixture.evidence = endsOn('2051-01-01');
    fixture.put(pod());
    await fixture.start();
    expect(Math.max(...fixture.time.pending())).to.be.within(360 * DAY_MS, 370 * DAY_MS);
    expect(fixture.asked).to.have.lengthOf(1);
  });

  it('reports once that an image has no findings any more', async () => {
    fixture.policies = [lifecycle()];
    fixture.evidence = endsOn('2026-01-01');
    fixture.put(pod());
    await fixture.start();
    fixture.evidence = {};
    await fixture.time.pass(2 * SETTINGS.everyMs);
    expect(reported(fixture)).to.deep.equal(['Warning PastEndOfLife', 'Normal Admissible']);
  });

  it('reports a failing registry only when it fails again at the next refresh', async () => {
    fixture.policies = [lifecycle()];
    fixture.put(pod());
    await fixture.start();
    fixture.evidence = { [IMAGE]: { manifest: UNKNOWN_FACT, referrers: UNKNOWN_FACT } };
    fixture.change({ type: 'policies' });
    await fixture.time.pass(10_000);
    expect(gauge(fixture)).to.deep.equal(['unknown RegistryUnavailable 1']);
    expect(reported(fixture)).to.deep.equal([]);
    await fixture.time.pass(70_000);
    expect(reported(fixture)).to.deep.equal(['Warning RegistryUnavailable']);
    await fixture.time.pass(200_000);
    expect(reported(fixture)).to.have.lengthOf(1);
  });

  it('reports a few of many pods, and the number of the others', async () => {
    fixture.policies = [lifecycle()];
    fixture.evidence = endsOn('2026-01-01');
    for (let index = 0; index < 30; index += 1) fixture.put(pod({ name: `web-${index}` }));
    await fixture.start();
    expect(fixture.events).to.have.lengthOf(MAX_PODS_WITH_EVENTS + 1);
    expect(fixture.events.at(-1)?.note).to.match(/^and 20 more pods: /);
  });

  it('treats the running image as unknown when the node reports no digest, and sends no request', async () => {
    fixture.policies = [lifecycle()];
    fixture.put(pod({ images: { [`${NAME}:1.4.0`]: `${NAME}:1.4.0` } }));
    await fixture.start();
    expect(fixture.asked).to.deep.equal([]);
    expect(gauge(fixture)).to.deep.equal(['unknown UnreadableEvidence 1']);
    expect(fixture.statuses[0]?.status.images.unknown).to.equal(1);
  });

  it('counts a container as waiting until the node has started it, and judges it then', async () => {
    fixture.policies = [lifecycle()];
    fixture.put(pod({ images: { [`${NAME}:1.4.0`]: '' } }));
    await fixture.start();
    expect(fixture.audit.gauges[1]?.read()).to.deep.equal([{ labels: {}, value: 1 }]);
    fixture.put(pod());
    await fixture.time.pass(1_000);
    expect(fixture.audit.gauges[1]?.read()).to.deep.equal([{ labels: {}, value: 0 }]);
    expect(gauge(fixture)).to.deep.equal(['allow  1']);
  });

  const references: readonly [string, object, string][] = [
    ['refuses a tag where a digest is demanded', { require: { digest: {} } }, 'deny NotPinned 1'],
    ['refuses no tag that admission would pin', { require: { digest: {} }, pinDigests: true }, 'allow  1'],
  ];
  for (const [what, spec, expected] of references) {
    it(what, async () => {
      fixture.policies = [policyOf({ ...spec, pinDigests: 'pinDigests' in spec })];
      fixture.put(pod());
      await fixture.start();
      expect(gauge(fixture)).to.deep.equal([expected]);
    });
  }

  it('removes an image from memory when no pod runs it any more', async () => {
    fixture.policies = [lifecycle()];
    fixture.put(pod());
    await fixture.start();
    fixture.remove(pod());
    await fixture.time.pass(SETTINGS.everyMs * 2);
    expect(fixture.asked).to.have.lengthOf(1);
    expect(gauge(fixture)).to.deep.equal([]);
    expect(snapshotOf(fixture)).to.include({ pods: 0, units: 0, judged: 0 });
  });

  it('tries again after a broken connection or a judge that hangs', async () => {
    let calls = 0;
    fixture.answer = () => {
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
    fixture.put(pod());
    await fixture.start();
    await fixture.time.pass(200_000);
    expect(calls).to.equal(3);
    expect(fixture.troubles.map(({ detail }) => detail)).to.have.lengthOf(2);
    expect(gauge(fixture)).to.deep.equal(['allow  1']);
  });

  it('reports nothing that it learns after its term as leader', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    fixture.answer = async () => {
      await promise;
      return [judged(IMAGE)];
    };
    fixture.put(pod());
    await fixture.start();
    const stopped = fixture.stop();
    resolve(undefined);
    await stopped;
    expect(snapshotOf(fixture)).to.include({ running: false, pods: 0 });
    expect(fixture.statuses).to.deep.equal([]);
  });

  it('ignores images that a policy covers in other namespaces only', async () => {
    const selector = { matchLabels: { env: 'production' } };
    fixture.policies = [
      policyOf({ match: { images: ['**'], namespaceSelector: selector }, require: { lifecycle: {} } }),
    ];
    fixture.labels = { shop: found({ env: 'production' }) };
    fixture.put(pod());
    fixture.put(pod({ namespace: 'desk' }));
    await fixture.start();
    expect(fixture.statuses[0]?.status.images.judged).to.equal(1);
    fixture.labels = {};
    fixture.change({ type: 'namespace', namespace: 'shop' });
    await fixture.time.pass(10_000);
    expect(fixture.statuses.at(-1)?.status.images.judged).to.equal(0);
  });
});

function judged(image: string) {
  return { container: '', field: '', image, verdict: { kind: 'allow' as const, findings: [] } };
}
