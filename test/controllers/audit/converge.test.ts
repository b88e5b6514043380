import { expect } from 'chai';
import fc from 'fast-check';
import { found, policyOf } from '../../support/policies.ts';
import type { RunningPod } from '../../../src/controllers/audit/running-pods.ts';
import { auditFixture, snapshotOf, type AuditFixture } from './fixture.ts';
import { memoryInUse } from './heap.ts';
import { pod, ran } from './pods.ts';

const NAMES = ['old', 'soon', 'well', 'pinned'].map((kind) => `registry.example.com/shop/${kind}`);
const [OLD, SOON, WELL, PINNED] = NAMES as [string, string, string, string];
const END_OF_LIFE = 'org.opencontainers.image.support.end-of-life';

const images: readonly Readonly<Record<string, string>>[] = [
  { [`${OLD}:1`]: ran(OLD) },
  { [`${OLD}:2`]: ran(`mirror.example.net/old`, OLD) },
  { [`${SOON}:1`]: ran(SOON), [`${WELL}:1`]: '' },
  { [`${WELL}:1`]: ran(WELL), [`${OLD}:1`]: `sha256:${'ab'.repeat(32)}` },
  { [ran(PINNED)]: '' },
];
const policies = [
  policyOf({ require: { lifecycle: { refuse: 'EndOfLife', warnBefore: '720h' } } }, 'everywhere'),
  policyOf(
    {
      match: { images: ['**/well', '**/pinned'], namespaceSelector: { matchLabels: { env: 'production' } } },
      enforcement: 'Warn',
      require: { digest: {} },
    },
    'production',
  ),
];
const digestOf = (name: string) => ran(name).slice(name.length);
const evidence: AuditFixture['evidence'] = {
  [`${OLD}:1${digestOf(OLD)}`]: { annotations: { [END_OF_LIFE]: '2026-01-01' } },
  [`${OLD}:2${digestOf(OLD)}`]: { annotations: { [END_OF_LIFE]: '2026-01-01' } },
  [`${SOON}:1${digestOf(SOON)}`]: { annotations: { [END_OF_LIFE]: '2026-06-20' } },
};

/** Everything that users see of an audit, except times. */
function seen(fixture: AuditFixture) {
  const { running, pods, units, judged, waiting, images: counts } = snapshotOf(fixture);
  const last = new Map(fixture.statuses.map(({ policy, status }) => [policy, status.images]));
  const reports = [...fixture.store].map(([namespace, { summary, results }]) => ({
    namespace,
    summary,
    results: results.map(({ policy, rule, resources, properties }) => ({
      policy,
      rule,
      resources,
      digest: properties.digest,
    })),
  }));
  return {
    snapshot: { running, pods, units, judged, waiting, counts },
    gauges: fixture.audit.gauges.map(({ read }) => read()),
    statuses: [...last].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    reports: reports.toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1)),
  };
}

async function settled(
  act: (fixture: AuditFixture) => void | Promise<void>,
  before: readonly RunningPod[] = [],
) {
  const fixture = auditFixture();
  fixture.installed = true;
  fixture.evidence = evidence;
  fixture.labels = { shop: found({ env: 'production' }) };
  fixture.policies = before.length > 0 ? policies : [];
  for (const one of before) fixture.put(one);
  await fixture.start();
  await act(fixture);
  fixture.policies = policies;
  fixture.change({ type: 'policies' });
  await fixture.time.pass(20_000);
  const result = seen(fixture);
  await fixture.stop();
  expect(fixture.bugs).to.deep.equal([]);
  return result;
}

const aPod = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  namespace: fc.constantFrom('shop', 'desk'),
  serviceAccount: fc.constantFrom('default', 'other'),
  runs: fc.nat(images.length - 1),
});
const events = fc.array(
  fc.record({
    pod: aPod,
    gone: fc.boolean(),
    policies: fc.boolean(),
    pass: fc.constantFrom(0, 0, 700, 6_000),
  }),
  { maxLength: 25 },
);

describe('an audit that is notified of changes', () => {
  it('ends with the same result as an audit that starts with the final state, whatever changes came before', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(events, async (steps) => {
        const end = new Map<string, RunningPod>();
        const reported = await settled(async (fixture) => {
          for (const {
            pod: { runs, ...who },
            gone,
            policies: swap,
            pass,
          } of steps) {
            const one = pod({ ...who, images: images[runs]! });
            const key = `${one.namespace}/${one.name}`;
            if (gone) end.delete(key);
            else end.set(key, one);
            if (gone) fixture.remove(one);
            else fixture.put(one);
            if (swap) {
              fixture.policies = fixture.policies.length > 0 ? [] : policies;
              fixture.change({ type: 'policies' });
            }
            await fixture.time.pass(pass);
          }
        });
        const found = await settled(() => undefined, [...end.values()]);
        expect(reported).to.deep.equal(found);
      }),
      { numRuns: 60 },
    );
  });
});

describe('an audit of a large cluster', () => {
  it('needs little time and memory for 5,000 pods with 2,000 digests', async function () {
    this.timeout(60_000);
    const fixture = auditFixture();
    fixture.policies = policies;
    const before = memoryInUse().heapUsed;
    for (let index = 0; index < 5_000; index += 1) {
      const name = `registry.example.com/shop/app-${index % 2_000}`;
      fixture.put(
        pod({ name: `app-${index}`, namespace: `team-${index % 50}`, images: { [`${name}:1`]: ran(name) } }),
      );
    }
    const started = process.cpuUsage();
    await fixture.start();
    const { user, system } = process.cpuUsage(started);
    expect(snapshotOf(fixture)).to.include({ pods: 5_000, units: 2_000, judged: 2_000 });
    // About a second here; the bound is for machines that are busy with something else.
    expect((user + system) / 1e6).to.be.below(20);
    fixture.asked.length = 0;
    const grown = memoryInUse().heapUsed - before;
    expect(grown / 1e6).to.be.below(20);
    await fixture.stop();
  });
});
