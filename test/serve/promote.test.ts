import { expect } from 'chai';
import { pushReferrer, pushTag, type Pushed } from '../support/registry/push.ts';
import { pushBundleSignature, pushLegacySignature, pushStatement } from '../support/signed-images.ts';
import { decisions, pathKeys, promotionPath } from '../support/promotions/promotion-path.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { forgeSignatures } from '../support/forged-signatures.ts';
import { signingKey } from '../support/signing.ts';
import { listReferrers, listTags } from '../support/registry/listings.ts';
import type { Approval } from '../../src/core/promotion/index.ts';
import type { Digest } from '../../src/core/model/index.ts';

const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';

/** A report as Trivy writes it, with findings of these ids and severities. */
const report = (findings: readonly (readonly [string, string])[], at = new Date()) => ({
  SchemaVersion: 2,
  CreatedAt: at.toISOString(),
  Results: [
    {
      Target: 'app',
      Vulnerabilities: findings.map(([VulnerabilityID, Severity]) => ({
        VulnerabilityID,
        Severity,
        PkgName: 'openssl',
      })),
    },
  ],
});
const vulnPredicate = (result: object, at = new Date()) => ({
  scanner: { uri: 'trivy', version: '0.74.0', result },
  metadata: { scanFinishedOn: at.toISOString() },
});

describe('a promotion, from registry to registry', () => {
  let fixture: PromotionFixture;
  const { key, secrets, sign } = pathKeys();
  const scanKey = signingKey();
  const { place, push, mirror, promote } = promotionPath(() => fixture);

  beforeEach(async () => {
    fixture = await openPromotionFixture();
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  const guarded = () =>
    fixture.policy({
      match: { images: ['**'] },
      authorities: [{ name: 'release', key: { pem: key.publicPem } }],
      require: {
        signatures: { from: ['release'] },
        quarantine: { releasedBy: ['release'], images: ['**/quarantine/**'] },
      },
    });

  it('admission admits the signed and released image, and nothing in quarantine', async () => {
    await push('public/app', '1.4.0');
    await fixture.run({ spec: mirror() });
    const policies = [guarded()];
    const before = await fixture.judge(`${fixture.registry.host}/quarantine/app:1.4.0`, policies);
    expect(before.reasons).to.include('Quarantined');
    const { results } = await fixture.run({ spec: promote({ sign }), secrets });
    expect(results[0]).to.deep.include({
      decision: 'Promoted',
      attachments: { found: 2, carried: 1, leftByRule: 1 },
    });
    expect(await fixture.judge(`${fixture.registry.host}/golden/app:1.4.0`, policies)).to.deep.equal({
      kind: 'allow',
      reasons: [],
    });
  });

  for (const format of ['Bundle', 'Legacy', 'Both'])
    it(`signs once, however often it runs (${format})`, async () => {
      const image = await push('quarantine/app', '1.4.0');
      const spec = promote({ sign: { ...sign, format } });
      await fixture.run({ spec, secrets });
      const policies = [guarded()];
      expect((await fixture.judge(`${fixture.registry.host}/golden/app:1.4.0`, policies)).kind).to.equal(
        'allow',
      );
      const listed = await listReferrers(place('golden/app'), image.digest);
      const cosign = (await listTags(place('golden/app'))).filter((tag) => tag.startsWith('sha256-'));
      await fetch(`${fixture.registry.url}/v2/golden/app/manifests/1.4.0`, { method: 'DELETE' });
      await fixture.run({ spec, secrets });
      expect(await listReferrers(place('golden/app'), image.digest)).to.deep.equal(listed);
      expect((await listTags(place('golden/app'))).filter((tag) => tag.startsWith('sha256-'))).to.deep.equal(
        cosign,
      );
      expect(listed.length).to.equal(format === 'Legacy' ? 0 : 2);
      expect(cosign.length).to.equal(format === 'Bundle' ? 0 : 2);
    });

  for (const format of ['Bundle', 'Legacy'])
    it(`a forged signature does not prevent the real one (${format})`, async () => {
      const image = await push('quarantine/app', '1.4.0');
      const spec = promote({ sign: { ...sign, format } });
      await fixture.run({ spec, secrets });
      const forged = await forgeSignatures(fixture, image);
      fixture.registry.forgetLog();
      await fixture.run({ spec, secrets });
      expect(forged).to.be.greaterThan(0);
      const policies = [guarded()];
      expect((await fixture.judge(`${fixture.registry.host}/golden/app:1.4.0`, policies)).kind).to.equal(
        'allow',
      );
    });

  it('applies the policies of its source, except for the quarantine flag', async () => {
    const good = await push('quarantine/app', '1.0.0');
    await push('quarantine/app', '1.1.0');
    await pushBundleSignature(place('quarantine/app'), good, scanKey);
    await pushReferrer(place('quarantine/app'), { subject: good, artifactType: QUARANTINE });
    const policy = fixture.policy({
      match: { images: ['elsewhere.example.com/**'] },
      authorities: [{ name: 'build', key: { pem: scanKey.pem } }],
      require: { signatures: { from: ['build'] }, quarantine: {} },
    });
    const ran = await fixture.run({ spec: promote({ policies: ['golden'] }), policies: [policy] });
    expect(decisions(ran)).to.deep.equal([
      ['1.1.0', 'Blocked', 'Unsigned'],
      ['1.0.0', 'Promoted'],
    ]);
    expect(await listTags(place('golden/app'))).to.deep.equal(['1.0.0']);
  });

  describe('by signed reports', () => {
    const scan = () => ({
      from: 'Report',
      failOn: 'High',
      authorities: [{ name: 'scanner', key: { pem: scanKey.pem } }],
    });
    const attach = (image: Pushed, findings: readonly (readonly [string, string])[], at = new Date()) =>
      pushStatement(place('quarantine/app'), image, {
        key: scanKey,
        predicateType: VULN,
        predicate: vulnPredicate(report(findings, at), at),
      });

    it('P05 promotes a clean image, and blocks a vulnerable one and one without a report', async () => {
      const [clean, bad] = [await push('quarantine/app', '1.0.0'), await push('quarantine/app', '1.1.0')];
      await push('quarantine/app', '1.2.0');
      await attach(clean, [['CVE-2026-2', 'LOW']]);
      await attach(bad, [['CVE-2026-1', 'CRITICAL']]);
      const ran = await fixture.run({ spec: promote({ scan: scan() }) });
      expect(decisions(ran)).to.deep.equal([
        ['1.2.0', 'Blocked', 'ReportMissing'],
        ['1.1.0', 'Blocked', 'Vulnerable'],
        ['1.0.0', 'Promoted'],
      ]);
      expect(ran.results[1]).to.deep.include({ worst: 'Critical', blocking: ['CVE-2026-1'], bytes: 0 });
    });

    it('P08 does not accept a report that is too old', async () => {
      const image = await push('quarantine/app', '1.0.0');
      await attach(image, [], new Date(Date.now() - 25 * 3_600_000));
      // No approval is requested: a person can waive findings, but not a missing report.
      for (const approval of ['Never', 'OnBlock', 'Always'])
        expect(decisions(await fixture.run({ spec: promote({ scan: scan(), approval }) }))).to.deep.equal([
          ['1.0.0', 'Blocked', 'ReportTooOld'],
        ]);
    });

    it('P06 waits for a person, whose approval covers only the named findings of this digest', async () => {
      const image = await push('quarantine/app', '1.0.0');
      await attach(image, [
        ['CVE-2026-1', 'CRITICAL'],
        ['CVE-2026-2', 'HIGH'],
      ]);
      const spec = promote({ scan: scan(), approval: 'OnBlock', sign });
      const waiting = await fixture.run({ spec, secrets });
      expect(decisions(waiting)).to.deep.equal([['1.0.0', 'AwaitingApproval', 'ApprovalNeeded']]);
      const approval: Approval = {
        runName: 'run-1',
        digest: image.digest as Digest,
        gateHash: waiting.results[0]?.gateHash ?? '',
        approver: 'alice@acme.example',
        decision: 'Approve',
        waive: ['CVE-2026-1', 'CVE-2026-2'],
        reason: 'not reachable',
        until: new Date(Date.now() + 86_400_000),
      };
      const by = async (change: Partial<Approval>) =>
        decisions(await fixture.run({ spec, secrets, approvals: [{ ...approval, ...change }] }));
      expect(await by({ gateHash: 'sha256:other' })).to.deep.equal([
        ['1.0.0', 'AwaitingApproval', 'ApprovalNeeded'],
      ]);
      expect(await by({ until: new Date(0) })).to.deep.equal([
        ['1.0.0', 'AwaitingApproval', 'ApprovalNeeded'],
      ]);
      expect(await by({ waive: ['CVE-2026-1'] })).to.deep.equal([['1.0.0', 'Blocked', 'Vulnerable']]);
      expect(await by({ decision: 'Deny' })).to.deep.equal([['1.0.0', 'Blocked', 'ApprovalDenied']]);
      expect(await by({})).to.deep.equal([['1.0.0', 'Promoted']]);
      const policies = [guarded()];
      expect((await fixture.judge(`${fixture.registry.host}/golden/app:1.0.0`, policies)).kind).to.equal(
        'allow',
      );
    });
  });

  it('a missing scanner blocks the image', async () => {
    await push('quarantine/app', '1.0.0');
    const ran = await fixture.run({ spec: promote({ scan: {} }) });
    expect(decisions(ran)).to.deep.equal([['1.0.0', 'Blocked', 'ScannerFailed']]);
  });

  it('P09 deletes the source with its attachments, but nothing that another tag needs', async () => {
    const [alone, shared] = [await push('quarantine/app', '1.0.0'), await push('quarantine/app', '1.1.0')];
    await pushLegacySignature(place('quarantine/app'), alone, scanKey);
    await pushReferrer(place('quarantine/app'), {
      subject: alone,
      artifactType: 'application/vnd.acme.note',
    });
    await pushTag(place('quarantine/app'), 'latest', shared);
    const ran = await fixture.run({ spec: promote({ deleteSource: true }) });
    expect(decisions(ran)).to.deep.equal([
      ['1.1.0', 'Promoted'],
      ['1.0.0', 'Promoted'],
    ]);
    expect(await listTags(place('quarantine/app'))).to.have.members(['1.1.0', 'latest']);
    expect(await listReferrers(place('quarantine/app'), alone.digest)).to.deep.equal([]);
    expect(ran.results[0]?.message).to.include('SourceShared');
  });

  it('P09 does not delete the source of an image that is at the target without its attachments', async () => {
    const image = await push('quarantine/app', '1.0.0');
    await fixture.run({ spec: promote() });
    await pushReferrer(place('quarantine/app'), {
      subject: image,
      artifactType: 'application/vnd.acme.sbom',
    });
    const ran = await fixture.run({ spec: promote({ deleteSource: true }) });
    expect(ran.results[0]).to.include({ decision: 'UpToDate' });
    expect(ran.results[0]?.message).to.include('all that belongs to it');
    expect(await listTags(place('quarantine/app'))).to.include('1.0.0');
  });

  it('P04 does not overwrite a tag that another writer moved during the run', async () => {
    await push('quarantine/app', '1.0.0');
    const spec = promote();
    const execution = await fixture.open({ spec });
    const found = await execution.plan(AbortSignal.timeout(50_000));
    const theirs = await push('golden/app', '1.0.0');
    const planned = found.state === 'planned' ? found.images : [];
    const order = { dryRun: false, approvals: () => [], progress: SILENT_PROGRESS };
    const results = await execution.run(planned, order, AbortSignal.timeout(50_000));
    await execution.close();
    expect(decisions({ results })).to.deep.equal([['1.0.0', 'Blocked', 'TargetMoved']]);
    const answer = await fetch(`${fixture.registry.url}/v2/golden/app/manifests/1.0.0`);
    expect(answer.headers.get('docker-content-digest')).to.equal(theirs.digest);
  });

  it('a dry run writes nothing', async () => {
    await push('quarantine/app', '1.0.0');
    fixture.registry.forgetLog();
    const ran = await fixture.run({ spec: promote({ sign }), secrets, dryRun: true });
    expect(decisions(ran)).to.deep.equal([['1.0.0', 'Planned']]);
    expect(
      fixture.registry.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD'),
    ).to.deep.equal([]);
  });
});

const SILENT_PROGRESS = {
  onStep: () => undefined,
  onExpected: () => undefined,
  onBytes: () => undefined,
  onResult: () => undefined,
};
