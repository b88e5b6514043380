import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { listTags, type ListedReferrer } from '../../support/registry/listings.ts';
import { pushIndex, pushReferrer, pushTag, type Pushed, type Target } from '../../support/registry/push.ts';
import { openChecker, type Checker } from '../support/installation/check.ts';
import { openCosign, type Cosign, type KeyPair } from '../support/programs/cosign.ts';
import { manifestAt, referrersAt } from '../support/promotions/registry-reads.ts';
import { inShort, openPromoter, promotion, type Promoter, type Row } from '../support/promotions/promoter.ts';
import { startDistribution, startOlareg, type Registry } from '../support/promotions/registries.ts';
import { pushAlpine } from '../support/promotions/scans.ts';

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
const RELEASE = 'https://pratique.dev/release/v1';
const ACQUISITION = 'https://toddysm.com/acquisition-provenance/v0.1';
const LIFECYCLE = 'application/vnd.microsoft.artifact.lifecycle';
const PASSWORD = 'correct horse battery staple';
const CLEAN = { zlib: '1.3.1-r1' };
const VULNERABLE = { ...CLEAN, musl: '1.2.5-r0' };
const ADVISORIES = [
  { package: 'musl', id: 'CVE-2026-0001', severity: 'CRITICAL', fixedVersion: '1.2.5-r1' },
  { package: 'musl', id: 'CVE-2026-0002', severity: 'HIGH' },
] as const;
const DAY_MS = 86_400_000;

describe('pratique promote', () => {
  let cosign: Cosign;
  let cosign2: Cosign;
  let release: KeyPair;
  let vendor: KeyPair;
  let promoter: Promoter;
  let checker: Checker;
  let secret: object;
  let policy: object;
  before(async () => {
    [cosign, cosign2, promoter, checker] = await Promise.all([
      openCosign(),
      openCosign('cosign2'),
      openPromoter(ADVISORIES),
      openChecker(),
    ]);
    release = await cosign.createKeyPair('release', PASSWORD);
    vendor = await cosign.createKeyPair('vendor');
    secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'cosign-key', namespace: 'platform' },
      stringData: {
        'cosign.key': await readFile(release.privateKey, 'utf8'),
        'cosign.password': PASSWORD,
      },
    };
    policy = {
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePolicy',
      metadata: { name: 'production' },
      spec: {
        match: { images: ['**'] },
        authorities: [{ name: 'release', key: { pem: release.publicPem } }],
        require: {
          signatures: { from: ['release'] },
          quarantine: { releasedBy: ['release'], images: ['**/quarantine/**'] },
        },
      },
    };
  });
  after(() => Promise.all([cosign, cosign2, promoter, checker].map((each) => each.stop())));

  for (const { name, start } of [
    { name: 'olareg, which has the referrers API', start: startOlareg },
    { name: 'distribution, which has none', start: () => startDistribution() },
  ]) {
    describe(`inside ${name}`, () => {
      let registry: Registry;
      before(async () => {
        registry = await start();
      });
      after(() => registry.stop());

      const at = (repository: string): Target => ({ registry: registry.host, repository });
      const promote = (app: string, rules: object, more: object = {}): readonly object[] => [
        promotion(
          {
            source: { repository: `${registry.host}/quarantine/${app}` },
            target: { repository: `${registry.host}/golden/${app}` },
            promote: { sign: { secretRef: { name: 'cosign-key' } }, ...rules },
            ...more,
          },
          app,
        ),
        secret,
      ];
      /** An image in quarantine, flagged as a mirror flags it. */
      const push = async (app: string, tag: string, packages: Readonly<Record<string, string>>) => {
        const place = at(`quarantine/${app}`);
        const subject = await pushAlpine({ ...place, tag }, packages);
        await pushReferrer(place, { subject, artifactType: QUARANTINE });
        return subject;
      };
      const golden = (app: string, { digest }: Pushed): string => `${registry.host}/golden/${app}@${digest}`;

      it('promotes a clean image to golden and blocks a vulnerable one, with the real Trivy', async () => {
        const good = await push('node', '1.0.0', CLEAN);
        const bad = await push('node', '1.1.0', VULNERABLE);
        const ran = await promoter.promote(promote('node', { scan: {} }));
        expect([ran.code, ...inShort(ran)], ran.stderr).to.deep.equal([
          1,
          '1.1.0 Blocked Vulnerable',
          '1.0.0 Promoted',
        ]);
        expect(ran.rows[0]).to.deep.include({
          digest: bad.digest,
          blocking: ['CVE-2026-0001', 'CVE-2026-0002'],
          worst: 'Critical',
        });
        expect(await manifestAt(at('golden/node'), bad.digest)).to.equal(undefined);
        expect(await listTags(at('golden/node')))
          .to.include('1.0.0')
          .and.not.include('1.1.0');
        expect(await manifestAt(at('golden/node'), '1.0.0')).to.equal(JSON.stringify(good.body));
        const here = await referrersAt(at('golden/node'), good.digest);
        expect(here.map(({ artifactType }) => artifactType)).to.not.include(QUARANTINE);
        expect(here.map(({ digest }) => digest)).to.include(ran.rows[1]?.reportDigest);

        await cosign.run(['verify', ...verify(), golden('node', good)]);
        const report = await attested(cosign, golden('node', good), 'vuln');
        expect(report).to.have.nested.property('scanner.result.SchemaVersion');
        const statement = await attested(cosign, golden('node', good), RELEASE);
        expect(statement).to.deep.include({ waived: [], reportDigest: ran.rows[1]?.reportDigest });

        const judged = (app: string) => checker.check(`${registry.host}/${app}/node:1.0.0`, [policy]);
        expect(await judged('quarantine')).to.equal('1 deny Unsigned Quarantined');
        expect(await judged('golden')).to.equal('0 allow');
      });

      it('promotes from the vendor to golden with one file, and does nothing on a second run', async () => {
        const library = at('library/web');
        const children = await Promise.all(
          ['amd64', 'arm64'].map(async (architecture) => ({
            ...(await pushAlpine(library, CLEAN, architecture)),
            platform: { os: 'linux', architecture },
          })),
        );
        const index = await pushIndex({ ...library, tag: '2.0.0' }, { manifests: children });
        await cosign.sign(index.reference, { key: vendor, format: 'bundle' });
        const mirror = promotion({
          source: { repository: `${registry.host}/library/web` },
          target: { repository: `${registry.host}/quarantine/web` },
          mirror: {},
        });
        const documents = [mirror, ...promote('web', { scan: {} })];
        const ran = await promoter.promote(documents);
        expect([ran.code, ...inShort(ran)], ran.stderr).to.deep.equal([
          0,
          '2.0.0 Mirrored',
          '2.0.0 Promoted',
        ]);
        const listed = await referrersAt(at('golden/web'), index.digest);
        await cosign.run(['verify', ...verify(vendor), golden('web', index)]);
        await cosign.run(['verify', ...verify(), golden('web', index)]);
        expect(await checker.check(`${registry.host}/golden/web:2.0.0`, [policy])).to.equal('0 allow');
        expect(listed.map(({ artifactType }) => artifactType)).to.not.include(QUARANTINE);
        for (const each of [index, ...children])
          expect((await referrersAt(at('golden/web'), each.digest)).map(recordOf)).to.include(ACQUISITION);
        expect(inShort(await promoter.promote(documents))).to.deep.equal([
          '2.0.0 UpToDate',
          '2.0.0 UpToDate',
        ]);
        expect(await referrersAt(at('golden/web'), index.digest)).to.deep.equal(listed);
      });

      it('signs for cosign 2 beside the signatures of others', async () => {
        const image = await push('legacy', '1.0.0', CLEAN);
        await cosign2.sign(image.reference, { key: vendor, format: 'legacy' });
        const sign = { secretRef: { name: 'cosign-key' }, format: 'Legacy' };
        const ran = await promoter.promote(promote('legacy', { scan: {}, sign }));
        expect([ran.code, ...inShort(ran)], ran.stderr).to.deep.equal([0, '1.0.0 Promoted']);
        for (const program of [cosign, cosign2]) {
          for (const key of [release, vendor])
            await program.run(['verify', ...verify(key), golden('legacy', image)]);
          const statement = await attested(program, golden('legacy', image), RELEASE);
          expect(statement).to.have.nested.property('source.digest', image.digest);
        }
        expect(await checker.check(golden('legacy', image), [policy])).to.equal('0 allow');
      });

      it('waits for a person, and records who approved which findings', async () => {
        const image = await push('shop', '1.0.0', VULNERABLE);
        const documents = promote('shop', { scan: {}, approval: 'OnBlock' });
        const waiting = await promoter.promote(documents);
        expect([waiting.code, ...inShort(waiting)], waiting.stderr).to.deep.equal([
          1,
          '1.0.0 AwaitingApproval ApprovalNeeded',
        ]);
        expect(await listTags(at('golden/shop'))).to.deep.equal([]);
        const by = (waive: readonly string[]) =>
          promoter.promote([...documents, approval(waiting.rows[0], waive)]);
        expect(inShort(await by(['CVE-2026-0001']))).to.deep.equal(['1.0.0 Blocked Vulnerable']);
        const approved = await by(['CVE-2026-0001', 'CVE-2026-0002']);
        expect([approved.code, ...inShort(approved)], approved.stderr).to.deep.equal([0, '1.0.0 Promoted']);
        expect(await attested(cosign, golden('shop', image), RELEASE)).to.deep.include({
          approver: 'bob@acme.example',
          waived: ['CVE-2026-0001', 'CVE-2026-0002'],
        });
        const [report] = (await referrersAt(at('golden/shop'), image.digest)).filter(
          ({ digest }) => digest === approved.rows[0]?.reportDigest,
        );
        expect(report?.annotations).to.include({
          'com.cssc.scan.override-approver': 'bob@acme.example',
          'com.cssc.scan.override-cves': 'CVE-2026-0001|CVE-2026-0002',
        });
      });

      it('adds an end of life to older images of the line, and deletes the source in quarantine', async () => {
        const old = await pushAlpine({ ...at('golden/line'), tag: '1.4.0' }, CLEAN);
        const shared = await push('line', '1.4.1', { ...CLEAN, a: '1' });
        await pushTag(at('quarantine/line'), 'keep', shared);
        const taken = await push('line', '1.4.2', { ...CLEAN, a: '2' });
        const rules = { supersede: { endOfLifeAfter: '720h' }, deleteSource: true };
        const ran = await promoter.promote(promote('line', rules, { maxParallelImages: 1 }));
        expect([ran.code, ...inShort(ran)], ran.stderr).to.deep.equal([
          0,
          '1.4.2 Promoted',
          '1.4.1 Promoted',
        ]);
        for (const { digest } of [old, shared]) {
          const marks = await referrersAt(at('golden/line'), digest);
          const [mark, ...more] = marks.filter(({ artifactType }) => artifactType === LIFECYCLE);
          expect(mark?.annotations).to.include({ 'dev.pratique.lifecycle.superseded-by': '1.4.2' });
          expect(more).to.deep.equal([]);
        }
        expect(ran.rows[1]?.message).to.include('SourceShared: tag keep');
        expect(await manifestAt(at('quarantine/line'), taken.digest)).to.equal(undefined);
        expect(await referrersAt(at('quarantine/line'), taken.digest)).to.deep.equal([]);
        expect(await listTags(at('quarantine/line')))
          .to.include.members(['1.4.1', 'keep'])
          .and.not.include('1.4.2');
        await cosign.run(['verify', ...verify(), golden('line', taken)]);
      });
    });
  }

  const verify = ({ publicKey } = release): readonly string[] => [
    '--insecure-ignore-tlog',
    '--allow-http-registry',
    `--key=${publicKey}`,
  ];

  /** The predicate that cosign has verified. */
  async function attested(program: Cosign, image: string, type: string): Promise<unknown> {
    const printed = await program.run(['verify-attestation', ...verify(), `--type=${type}`, image]);
    const [line = ''] = printed.split('\n').filter((each) => each.startsWith('{'));
    const { payload } = JSON.parse(line) as { payload: string };
    return (JSON.parse(Buffer.from(payload, 'base64').toString()) as { predicate: unknown }).predicate;
  }
});

/** The subject of an unsigned statement attached to an image. */
function recordOf({ annotations }: ListedReferrer): string | undefined {
  return annotations?.['in-toto.io/predicate-type'];
}

/** The approval that a person writes for this row. */
function approval(row: Row | undefined, waive: readonly string[]): object {
  return {
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'PromotionApproval',
    metadata: { name: 'let-go', namespace: 'platform' },
    spec: {
      runName: 'from-here',
      digest: row?.digest,
      gateHash: row?.gateHash,
      approver: 'bob@acme.example',
      decision: 'Approve',
      waive,
      reason: 'not reachable',
      until: new Date(Date.now() + DAY_MS).toISOString(),
    },
  };
}
