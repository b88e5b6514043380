import { expect } from 'chai';
import type { Digest } from '../../src/core/model/index.ts';
import type { ImageAtTarget, TargetJudgement } from '../../src/core/promotion/index.ts';
import { pushImage, pushReferrer, type Pushed } from '../support/registry/push.ts';
import { pushStatement } from '../support/signed-images.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { signingKey, statement, type SigningKey } from '../support/signing.ts';

const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
/** Facts expire at once: these tests judge again within milliseconds, the product after hours. */
const FORGETFUL = { memory: { foundMs: 1, absentMs: 1, unknownMs: 1 } };
const HOUR = 3_600_000;

type Findings = readonly (readonly [id: string, severity: string])[];

const predicate = (findings: Findings, at: Date) => ({
  scanner: {
    uri: 'trivy',
    version: '0.74.0',
    result: {
      SchemaVersion: 2,
      CreatedAt: at.toISOString(),
      Results: [
        {
          Vulnerabilities: findings.map(([VulnerabilityID, Severity]) => ({
            VulnerabilityID,
            Severity,
            PkgName: 'a',
          })),
        },
      ],
    },
  },
  metadata: { scanFinishedOn: at.toISOString() },
});

describe('a promoted image that is judged again', () => {
  let fixture: PromotionFixture;
  const [own, scanner, stranger] = [signingKey(), signingKey(), signingKey()];
  const secrets = {
    'cosign-key': { 'cosign.key': own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
  };
  const sign = { secretRef: { name: 'cosign-key' } };
  const place = (path: string) => ({ registry: fixture.registry.host, repository: path });
  const at = (path: string) => ({ repository: `${fixture.registry.host}/${path}` });
  const spec = ({ scan = {}, ...rules }: { readonly scan?: object } & Record<string, unknown> = {}) => ({
    source: at('quarantine/app'),
    target: at('golden/app'),
    tags: { semver: ['*'] },
    promote: {
      scan: { from: 'Report', authorities: [{ name: 'scanner', key: { pem: scanner.pem } }], ...scan },
      sign,
      ...rules,
    },
  });
  const push = (tag: string, path = 'quarantine/app') =>
    pushImage({ ...place(path), tag }, { salt: path + tag });
  const report = (
    image: Pushed,
    findings: Findings,
    {
      key = scanner,
      ageMs = 0,
      path = 'golden/app',
    }: { key?: SigningKey; ageMs?: number; path?: string } = {},
  ) =>
    pushStatement(place(path), image, {
      key,
      predicateType: VULN,
      predicate: predicate(findings, new Date(Date.now() - ageMs)),
    });
  /** Promotes an image that had these findings an hour ago. */
  const promoted = async (tag: string, findings: Findings = [], given = spec()) => {
    const image = await push(tag);
    await report(image, findings, { ageMs: HOUR, path: 'quarantine/app' });
    const { results } = await fixture.run({ spec: given, secrets });
    expect(results.find((one) => one.tag === tag)?.decision).to.equal('Promoted');
    return image;
  };
  const standings = async (given: object = spec(), known: readonly ImageAtTarget[] = []) =>
    inShort(await fixture.rejudge({ spec: given as Readonly<Record<string, unknown>>, secrets, known }));

  beforeEach(async () => {
    fixture = await openPromotionFixture({}, FORGETFUL);
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  it('passes while the newest signed report passes, also when the source was deleted and the report is old', async () => {
    const given = spec({ deleteSource: true });
    await promoted('1.0.0', [['CVE-2026-1', 'LOW']], given);
    await promoted('1.1.0', [], given);
    // The age of the report does not matter here.
    expect(await standings(spec({ scan: { maxReportAge: '1m' } }))).to.deep.equal([
      '1.0.0 well',
      '1.1.0 well',
    ]);
  });

  for (const [who, key] of [
    ['an authority of the promotion', scanner],
    ['its own signer', own],
  ] as const)
    it(`would be blocked by a new report of ${who}, until a newer report passes`, async () => {
      const image = await promoted('1.0.0');
      await report(image, [['CVE-2026-9', 'CRITICAL']], { key, ageMs: 60_000 });
      expect(await standings()).to.deep.equal(['1.0.0 blocked Vulnerable']);
      await report(image, [], { key });
      expect(await standings()).to.deep.equal(['1.0.0 well']);
    });

  it('P08 is neither flagged nor cleared by a report of another signer, or by an unsigned one', async () => {
    const [good, bad] = [await promoted('1.0.0'), await promoted('1.1.0')];
    await report(bad, [['CVE-2026-9', 'CRITICAL']], { ageMs: 60_000 });
    await report(good, [['CVE-2026-9', 'CRITICAL']], { key: stranger });
    await report(bad, [], { key: stranger });
    for (const [image, findings] of [
      [good, [['CVE-2026-9', 'CRITICAL']]],
      [bad, []],
    ] as const) {
      const bytes = statement({
        digest: image.digest as Digest,
        predicateType: VULN,
        predicate: predicate(findings, new Date()),
      });
      const annotations = { 'in-toto.io/predicate-type': VULN };
      await pushReferrer(place('golden/app'), {
        subject: image,
        artifactType: 'application/vnd.in-toto+json',
        annotations,
        blobs: [{ mediaType: 'application/vnd.in-toto+json', bytes, annotations }],
      });
    }
    expect(await standings()).to.deep.equal(['1.0.0 well', '1.1.0 blocked Vulnerable']);
  });

  it('is judged with the current rules: severity, fixes, exceptions', async () => {
    const image = await promoted('1.0.0');
    await report(image, [['CVE-2026-9', 'HIGH']]);
    expect(await standings()).to.deep.equal(['1.0.0 blocked Vulnerable']);
    expect(await standings(spec({ scan: { failOn: 'Critical' } }))).to.deep.equal(['1.0.0 well']);
    expect(await standings(spec({ scan: { fixableOnly: true } }))).to.deep.equal(['1.0.0 well']);
    const except = (until: string) =>
      spec({ scan: { exceptions: [{ id: 'CVE-2026-9', until, reason: 'none' }] } });
    expect(await standings(except('2099-12-31'))).to.deep.equal(['1.0.0 well']);
    expect(await standings(except('2020-12-31'))).to.deep.equal(['1.0.0 blocked ExceptionExpired']);
  });

  it('keeps the findings that a person waived for it, and no others', async () => {
    const image = await push('1.0.0');
    await report(image, [['CVE-2026-1', 'HIGH']], { ageMs: HOUR, path: 'quarantine/app' });
    const given = spec({ approval: 'OnBlock' });
    const waiting = await fixture.run({ spec: given, secrets });
    const approval = {
      runName: 'run-1',
      digest: image.digest as Digest,
      gateHash: waiting.results[0]?.gateHash ?? '',
      approver: 'alice@acme.example',
      decision: 'Approve',
      waive: ['CVE-2026-1'],
      reason: 'not reachable',
      until: new Date(Date.now() + HOUR),
    } as const;
    await fixture.run({ spec: given, secrets, approvals: [approval] });
    expect(await standings(given)).to.deep.equal(['1.0.0 well']);
    await report(image, [
      ['CVE-2026-1', 'HIGH'],
      ['CVE-2026-9', 'HIGH'],
    ]);
    expect(await standings(given)).to.deep.equal(['1.0.0 blocked Vulnerable']);
    // A release to another repository by the same key waives nothing here.
    const elsewhere = { ...given, target: at('golden/other') };
    await pushImage({ ...place('golden/other'), tag: '1.0.0' }, { salt: 'quarantine/app1.0.0' });
    expect(await standings(elsewhere)).to.deep.equal([]);
  });

  it('ignores images of other writers, unless an image is known to be its own', async () => {
    const theirs = await push('1.0.0', 'golden/app');
    await report(theirs, [['CVE-2026-9', 'CRITICAL']]);
    expect(await standings()).to.deep.equal([]);
    const known = [{ tag: '1.0.0', digest: theirs.digest as Digest }];
    expect(await standings(spec(), known)).to.deep.equal(['1.0.0 blocked Vulnerable']);
    const { promote } = spec();
    const unsigned = { ...spec(), promote: { ...promote, sign: undefined } };
    expect(await standings(unsigned)).to.deep.equal([]);
    expect(await standings(unsigned, known)).to.deep.equal(['1.0.0 blocked Vulnerable']);
  });

  it('is unreported without a report, and gone when it was deleted', async () => {
    const theirs = await push('1.0.0', 'golden/app');
    const missing = `sha256:${'a'.repeat(64)}` as Digest;
    const known = [
      { tag: '1.0.0', digest: theirs.digest as Digest },
      { tag: '0.9.0', digest: missing },
    ];
    expect(await standings(spec(), known)).to.have.members(['1.0.0 unreported', '0.9.0 gone']);
  });

  it('is unknown without a report from a trusted reporter', async () => {
    const known = [{ tag: '1.0.0', digest: `sha256:${'a'.repeat(64)}` as Digest }];
    const given = { ...spec(), promote: { scan: {} } };
    expect(await fixture.rejudge({ spec: given, known })).to.equal(undefined);
  });

  it('is unknown, and does not pass, while an attachment cannot be read; blocking findings are still reported', async () => {
    const [well, bad] = [await promoted('1.0.0'), await promoted('1.1.0')];
    const hidden = [await report(well, []), await report(bad, [])];
    await report(bad, [['CVE-2026-9', 'CRITICAL']]);
    fixture.registry.intercept(({ url }) =>
      hidden.some(({ digest }) => url.pathname.endsWith(digest)) ? { status: 503 } : undefined,
    );
    expect(await standings()).to.deep.equal([
      '1.0.0 unknown RegistryUnavailable',
      '1.1.0 blocked Vulnerable',
    ]);
  });

  it('is unknown when its registry is down', async () => {
    await promoted('1.0.0');
    fixture.registry.intercept(() => ({ status: 503 }));
    const code = await standings().then(
      () => 'answered',
      (error: unknown) => (error as { code: string }).code,
    );
    expect(code).to.equal('RegistryUnavailable');
  });

  it('causes no write', async () => {
    await promoted('1.0.0');
    fixture.registry.forgetLog();
    await standings();
    const writes = fixture.registry.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD');
    expect(writes).to.deep.equal([]);
  });
});

function inShort(judgement: TargetJudgement | undefined): readonly string[] {
  return (judgement?.judged ?? [])
    .map((one) => [one.tag, one.state, ...('reason' in one ? [one.reason.code] : [])].join(' '))
    .toSorted();
}
