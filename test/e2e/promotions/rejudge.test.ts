import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { pushImage, type Pushed } from '../../support/registry/push.ts';
import { openClusterFixture, type ClusterFixture } from '../support/cluster/cluster-fixture.ts';
import { openPromotions, promotion, type Promotions } from '../support/promotions/promotions.ts';
import { until } from '../support/wait.ts';

const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const HOUR = 3_600_000;
/** Much more often than in a real cluster, with a cache so short that every judgement reads the current state. */
const SETTINGS = {
  promotions: { rejudgeEveryMs: 1_500, rejudgePerSecond: 100 },
  memory: { foundMs: 500, absentMs: 500, unknownMs: 500 },
};

/** What cosign attests as `vuln`: findings of Trivy, scanned so long ago. */
const findings = (ids: readonly string[], ageMs = 0) => {
  const at = new Date(Date.now() - ageMs).toISOString();
  const Vulnerabilities = ids.map((id) => ({
    VulnerabilityID: id,
    Severity: 'CRITICAL',
    PkgName: 'openssl',
  }));
  return {
    invocation: { parameters: [], uri: '', event_id: '', 'builder.id': '' },
    scanner: {
      uri: 'trivy',
      version: '0.74.0',
      db: { uri: '', version: '' },
      result: { SchemaVersion: 2, CreatedAt: at, Results: [{ Target: 'app', Vulnerabilities }] },
    },
    metadata: { scanStartedOn: at, scanFinishedOn: at },
  };
};

describe('images in golden, judged again by attestations of cosign', () => {
  let fixture: ClusterFixture;
  let flow: Promotions;
  let image: Pushed;

  before(async () => {
    fixture = await openClusterFixture({ values: { settings: SETTINGS } });
    flow = await openPromotions(fixture);
    const { keys } = fixture;
    await flow.secret('cosign-key', {
      'cosign.key': await readFile(keys.release.privateKey, 'utf8'),
      'cosign.password': '',
    });
  });

  after(async () => {
    await fixture.stop();
  });

  const at = (path: string) => ({ repository: `${fixture.registry.host}/flow/${path}` });
  const attest = (repository: string, key: keyof ClusterFixture['keys'], predicate: object) =>
    fixture.cosign.attest(`${fixture.registry.host}/flow/${repository}/app@${image.digest}`, {
      key: fixture.keys[key],
      format: 'bundle',
      type: VULN,
      predicate,
    });
  const flagged = async () => {
    const { status } = await flow.promotion('app');
    const { status: is, reason } = status?.conditions?.find(({ type }) => type === 'Flagged') ?? {};
    return `${is ?? ''} ${reason ?? ''}`;
  };
  const untilFlagged = (expected: string) =>
    until({
      what: `the condition Flagged to be ${expected}`,
      withinMs: 30_000,
      everyMs: 300,
      check: async () => (await flagged()) === expected,
    });
  const metric = async (): Promise<readonly string[]> => {
    const pages = await Promise.all(fixture.replicas.map((replica) => replica.page('/metrics')));
    return pages.flatMap(({ body }) => body.match(/^pratique_promotion_flagged_images\{.*$/gm) ?? []);
  };

  it('an image is not flagged while its report passes', async () => {
    image = await pushImage(
      { registry: fixture.registry.host, repository: 'flow/quarantine/app', tag: '1.0.0' },
      { salt: 'rejudge' },
    );
    await attest('quarantine', 'security', findings([], HOUR));
    await flow.apply(
      promotion('app', {
        source: at('quarantine/app'),
        target: at('golden/app'),
        tags: { semver: ['>=1'] },
        promote: {
          scan: {
            from: 'Report',
            authorities: [{ name: 'security', key: { pem: fixture.keys.security.publicPem } }],
          },
          sign: { secretRef: { name: 'cosign-key' } },
          // No run lists it afterwards: a promoted image is known by its release statement.
          deleteSource: true,
        },
      }),
    );
    await flow.until('app', 'its promotion', ({ status }) => status?.counts?.promoted === 1);
    await flow.until(
      'app',
      'a judgement of its target',
      ({ status }) => (status?.lastJudgement?.judged ?? 0) === 1,
    );
    expect(await flagged()).to.equal('False NoneFlagged');
  });

  it('a report of an untrusted signer changes nothing', async () => {
    await attest('golden', 'stranger', findings(['CVE-2026-7'], HOUR / 2));
    const before = (await flow.promotion('app')).status?.lastJudgement?.time ?? '';
    await flow.until('app', 'another look', ({ status }) => (status?.lastJudgement?.time ?? '') > before);
    expect(await flagged()).to.equal('False NoneFlagged');
  });

  it('a new signed report flags an image: condition, event, metric; and nothing is deleted', async () => {
    await attest('golden', 'security', findings(['CVE-2026-8'], HOUR / 4));
    await untilFlagged('True Vulnerable');
    await flow.kubectl('wait', 'ipr/app', '--for=condition=Flagged', '--timeout=5s');
    await until({
      what: 'the event',
      withinMs: 10_000,
      everyMs: 300,
      check: async () => /Warning +Vulnerable +imagepromotion\/app/.test(await flow.kubectl('get', 'events')),
    });
    expect(await metric()).to.deep.equal(['pratique_promotion_flagged_images{promotion="platform/app"} 1']);
    const digest = await fixture.cosign.run([
      ...['triangulate', '--type=digest', '--allow-http-registry'],
      `${fixture.registry.host}/flow/golden/app:1.0.0`,
    ]);
    expect(digest).to.contain(image.digest);
  });

  it('a newer report of an untrusted signer clears nothing, one of the authority does', async () => {
    await attest('golden', 'stranger', findings([], HOUR / 8));
    const before = (await flow.promotion('app')).status?.lastJudgement?.time ?? '';
    await flow.until('app', 'another look', ({ status }) => (status?.lastJudgement?.time ?? '') > before);
    expect(await flagged()).to.equal('True Vulnerable');
    await attest('golden', 'security', findings([]));
    await untilFlagged('False NoneFlagged');
    expect(await metric()).to.deep.equal([]);
  });

  it('a registry that is down changes nothing, and is reported', async () => {
    await attest('golden', 'security', findings(['CVE-2026-9']));
    await untilFlagged('True Vulnerable');
    await fixture.registry.stop();
    await flow.until('app', 'what is not known', ({ status }) => (status?.lastJudgement?.unknown ?? 0) > 0);
    expect(await flagged()).to.equal('True Vulnerable');
  });
});
