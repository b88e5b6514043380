import { Ajv } from 'ajv';
import { expect } from 'chai';
import { MAX_RESULTS } from '../../../src/controllers/audit/report.ts';
import { RESULTS_CUT } from '../../../src/controllers/audit/report.ts';
import { PUBLISH_EVERY_MS } from '../../../src/controllers/audit/audit.ts';
import type { WriteAnswer } from '../../../src/controllers/audit/ports.ts';
import { schemaOf } from '../../support/crd.ts';
import { openReportsCrd } from '../../support/open-reports.ts';
import { UNKNOWN_FACT, policyOf } from '../../support/policies.ts';
import { auditFixture, SETTINGS, type AuditFixture } from './fixture.ts';
import { pod, ran } from './pods.ts';

const NAME = 'registry.example.com/shop/web';
const OLD = { annotations: { 'org.opencontainers.image.support.end-of-life': '2026-01-01' } };
const SOON = { annotations: { 'org.opencontainers.image.support.end-of-life': '2026-06-20' } };
const REQUIRE = { lifecycle: { refuse: 'EndOfLife', warnBefore: '720h' } };

const images = (name: string) => ({ [`${name}:1.0`]: ran(name) });
const pinned = (name: string) => `${name}:1.0@${ran(name).split('@')[1] ?? ''}`;

/** Four images in one namespace: past its end of life, ending soon, unreadable, valid. */
function four(fixture: AuditFixture): void {
  const names = ['old', 'soon', 'unreadable', 'valid'].map((kind) => `${NAME}-${kind}`);
  for (const [index, name] of names.entries())
    fixture.put(pod({ name: `pod-${index}`, images: images(name) }));
  const facts = [OLD, SOON, { manifest: UNKNOWN_FACT, referrers: UNKNOWN_FACT }];
  fixture.evidence = Object.fromEntries(facts.map((fact, index) => [pinned(names[index]!), fact]));
}

describe('the status that an audit writes', () => {
  let fixture: AuditFixture;
  beforeEach(() => {
    fixture = auditFixture();
  });
  afterEach(() => fixture.stop());

  const enforcements: readonly [string, { denied: number; warned: number }][] = [
    ['Deny', { denied: 1, warned: 1 }],
    ['Warn', { denied: 0, warned: 2 }],
    ['Audit', { denied: 0, warned: 2 }],
  ];
  for (const [enforcement, counts] of enforcements) {
    it(`counts the findings of enforcement ${enforcement}`, async () => {
      fixture.policies = [policyOf({ enforcement, require: REQUIRE }), policyOf({ require: {} }, 'built-in')];
      four(fixture);
      await fixture.start();
      expect(fixture.statuses).to.deep.equal([
        {
          policy: 'production',
          status: { images: { judged: 4, unknown: 1, ...counts }, lastAudit: '2026-06-15T12:00:00Z' },
        },
      ]);
    });
  }

  it('counts by the findings of each policy alone', async () => {
    fixture.policies = [policyOf({ require: REQUIRE }, 'strict'), policyOf({ require: {} }, 'lax')];
    four(fixture);
    await fixture.start();
    expect(fixture.statuses.map(({ policy, status }) => [policy, status.images])).to.deep.equal([
      ['strict', { judged: 4, denied: 1, warned: 1, unknown: 1 }],
      ['lax', { judged: 4, denied: 0, warned: 0, unknown: 0 }],
    ]);
  });

  it('is written when it changes, and at every interval', async () => {
    fixture.policies = [policyOf({ require: REQUIRE })];
    fixture.put(pod());
    await fixture.start();
    await fixture.time.pass(10 * PUBLISH_EVERY_MS);
    expect(fixture.statuses).to.have.lengthOf(1);
    for (let index = 0; index < 5; index += 1) {
      fixture.put(pod({ name: `more-${index}`, images: images(`${NAME}-${index}`) }));
    }
    await fixture.time.pass(PUBLISH_EVERY_MS);
    expect(fixture.statuses.map(({ status }) => status.images.judged)).to.deep.equal([1, 6]);
    await fixture.time.pass(SETTINGS.everyMs * 1.2);
    expect(fixture.statuses).to.have.lengthOf(3);
    expect(fixture.statuses[2]!.status.lastAudit > fixture.statuses[1]!.status.lastAudit).to.be.true;
  });

  it('is written for a policy that covers nothing', async () => {
    fixture.policies = [policyOf({ require: REQUIRE })];
    await fixture.start();
    expect(fixture.statuses[0]?.status.images).to.deep.equal({ judged: 0, denied: 0, warned: 0, unknown: 0 });
  });

  it('is written only after every image was judged once', async () => {
    fixture = auditFixture({ perRegistryPerSecond: 0.1 });
    fixture.policies = [policyOf({ require: REQUIRE })];
    four(fixture);
    await fixture.start();
    expect(fixture.statuses).to.deep.equal([]);
    await fixture.time.pass(40_000);
    expect(fixture.statuses[0]?.status.images.judged).to.equal(4);
  });

  const answers: readonly [string, WriteAnswer, number][] = [
    ['is tried again after a no', { ok: false, status: 409, message: 'conflict' }, 2],
    ['is not tried again when the policy was deleted', { ok: false, status: 404, message: 'not found' }, 1],
  ];
  for (const [what, answer, times] of answers) {
    it(what, async () => {
      let calls = 0;
      fixture = auditFixture(
        {},
        {
          writeStatus: async () => {
            calls += 1;
            return calls === 1 ? answer : { ok: true };
          },
        },
      );
      fixture.policies = [policyOf({ require: REQUIRE })];
      await fixture.start();
      await fixture.time.pass(4 * PUBLISH_EVERY_MS);
      expect(calls).to.equal(times);
      expect(fixture.troubles).to.have.lengthOf(times - 1);
    });
  }
});

describe('the reports that an audit writes', () => {
  let fixture: AuditFixture;
  beforeEach(() => {
    fixture = auditFixture();
    fixture.installed = true;
    fixture.policies = [policyOf({ require: REQUIRE })];
  });
  afterEach(() => fixture.stop());

  it('conform to the OpenReports API', async () => {
    four(fixture);
    await fixture.start();
    const validate = new Ajv({ strict: false, formats: { int32: true, int64: true } }).compile(
      closed(schemaOf(openReportsCrd())),
    );
    const report = fixture.store.get('shop');
    validate(report);
    expect(validate.errors).to.equal(null);
    expect(report?.summary).to.deep.equal({ pass: 1, fail: 1, warn: 1, error: 1, skip: 0 });
    expect(report?.results.map(({ rule, result, severity }) => [rule, result, severity])).to.deep.equal([
      ['PastEndOfLife', 'fail', 'high'],
      ['RegistryUnavailable', 'error', 'medium'],
      ['EndOfLifeNear', 'warn', 'info'],
    ]);
    const [first] = report?.results ?? [];
    expect(first).to.deep.include({ source: 'pratique', policy: 'production', scored: true });
    expect(first?.properties.image).to.equal(pinned(`${NAME}-old`));
    expect(first?.resources.map(({ name }) => name)).to.deep.equal(['pod-0']);
    expect(first?.timestamp.seconds).to.equal(Date.parse('2026-06-15T12:00:00Z') / 1_000);
  });

  it('are written on changes, and deleted with the last finding', async () => {
    fixture.put(pod({ images: images(`${NAME}-old`) }));
    fixture.evidence = { [pinned(`${NAME}-old`)]: OLD };
    await fixture.start();
    await fixture.time.pass(SETTINGS.everyMs * 2);
    expect(fixture.writes).to.deep.equal(['write shop']);
    fixture.evidence = {};
    await fixture.time.pass(SETTINGS.everyMs * 2);
    expect(fixture.writes).to.deep.equal(['write shop', 'remove shop']);
  });

  it('stay when a leader ends, and are corrected by the next leader', async () => {
    four(fixture);
    await fixture.start();
    await fixture.stop();
    expect([...fixture.store.keys()]).to.deep.equal(['shop']);
    const next = auditFixture();
    next.installed = true;
    for (const [namespace, report] of [...fixture.store, ...fixture.store]) {
      next.store.set(namespace, report).set('gone', report);
    }
    await next.start();
    expect([...next.store.keys()]).to.deep.equal([]);
    await next.stop();
  });

  it('start when the OpenReports API is installed', async () => {
    fixture.installed = false;
    four(fixture);
    await fixture.start();
    expect([...fixture.store.keys()]).to.deep.equal([]);
    fixture.installed = true;
    await fixture.time.pass(60_000);
    expect([...fixture.store.keys()]).to.deep.equal(['shop']);
  });

  it('have a bounded size, and show what was cut', async () => {
    const names = Array.from({ length: MAX_RESULTS + 20 }, (_, index) => `${NAME}-${index}`);
    for (const [index, name] of names.entries()) {
      fixture.put(pod({ name: `p-${index}`, images: images(name) }));
    }
    for (let index = 0; index < 40; index += 1) {
      fixture.put(pod({ name: `q-${index}`, images: images(names[0]!) }));
    }
    fixture.evidence = Object.fromEntries(names.map((name) => [pinned(name), OLD]));
    await fixture.start();
    const report = fixture.store.get('shop')!;
    expect(report.results).to.have.lengthOf(MAX_RESULTS);
    expect(report.summary.fail).to.equal(MAX_RESULTS + 20);
    expect(report.metadata.annotations?.[RESULTS_CUT]).to.equal('20');
    expect(JSON.stringify(report).length).to.be.below(1_000_000);
    const many = report.results.find(({ properties }) => properties.pods === '41');
    expect(many?.resources).to.have.lengthOf(10);
  });
});

/** The schema as a server with strict field validation holds it: a field that it does not name is an error. */
function closed(schema: object): object {
  const node = schema as { properties?: Record<string, object>; items?: object };
  const properties: [string, object][] = Object.entries(node.properties ?? {}).map(([name, one]) => [
    name,
    name === 'metadata' ? one : closed(one),
  ]);
  return {
    ...schema,
    ...(node.properties && { properties: Object.fromEntries(properties), additionalProperties: false }),
    ...(node.items && { items: closed(node.items) }),
  };
}
