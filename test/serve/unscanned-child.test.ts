import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { standIn, type StandIn } from '../clients/scanner/stand-in.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { buildIndex, ODD_INDEXES, type Child } from '../support/indexes/shapes.ts';
import { pushBlob, pushManifest } from '../support/registry/push.ts';
import {
  openPromotionFixture,
  shipKey,
  type PromotionFixture,
} from '../support/promotions/promotion-fixture.ts';

/** A report with one critical finding for the digests listed in a file, and one without findings for all others. */
const reporting = (file: string): string => {
  const found = [
    { VulnerabilityID: 'CVE-2026-6666', PkgName: 'backdoor', Severity: 'CRITICAL', FixedVersion: '1' },
  ];
  const os = { Family: 'alpine', Name: '3.22.0' };
  const report = (vulnerabilities: readonly object[]): string =>
    JSON.stringify({
      SchemaVersion: 2,
      CreatedAt: new Date().toISOString(),
      Metadata: { OS: os },
      Results: [{ Target: 'image', Class: 'os-pkgs', Type: 'alpine', Vulnerabilities: vulnerabilities }],
    });
  return `const evil = fs.readFileSync(${JSON.stringify(file)}, 'utf8');
    const isEvil = evil.split(' ').some((one) => args.at(-1).endsWith(one));
    process.stdout.write(isEvil ? ${JSON.stringify(report(found))} : ${JSON.stringify(report([]))});`;
};

describe('the scan of an odd index', () => {
  let fixture: PromotionFixture;
  let trivy: StandIn;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let evil: string;
  const key = shipKey();

  beforeEach(async () => {
    folder = await temporaryFolder();
    evil = join(folder.path, 'evil');
    await writeFile(evil, 'none');
    const version = {
      Version: '0.74.0',
      VulnerabilityDB: { Version: 2, UpdatedAt: new Date().toISOString() },
    };
    trivy = await standIn({ scan: reporting(evil), version });
    fixture = await openPromotionFixture({}, { scanner: { command: trivy.command, offline: true } });
  });
  afterEach(async () => {
    await fixture.close();
    await trivy.remove();
    await folder.remove();
    expect(fixture.bugs).to.deep.equal([]);
  });

  const push = async (children: readonly Child[]) => {
    const to = { registry: fixture.registry.host, repository: 'quarantine/app' };
    const { manifests, blobs, images, root } = buildIndex(children);
    for (const bytes of blobs) await pushBlob(to, { mediaType: 'application/octet-stream', bytes });
    for (const { bytes, mediaType, digest } of manifests) {
      const tag = digest === root ? { tag: '1.0.0' } : {};
      await pushManifest(
        { ...to, ...tag },
        JSON.parse(Buffer.from(bytes).toString('utf8')) as never,
        mediaType,
      );
    }
    return images;
  };
  const promote = async () => {
    const at = (path: string) => ({ repository: `${fixture.registry.host}/${path}` });
    const promotion = { scan: { failOn: 'High' }, sign: { secretRef: { name: 'key' } } };
    const { results } = await fixture.run({
      spec: {
        source: at('quarantine/app'),
        target: at('golden/app'),
        tags: { include: ['.'] },
        promote: promotion,
      },
      secrets: { key: { 'cosign.key': key.pem } },
      startedAt: new Date(),
    });
    return results.map(({ decision, reason }) => [decision, reason].join(' ').trim());
  };

  for (const [title, expected] of [
    ['a marked child without a platform', 'Blocked Vulnerable'],
    ['an image without a platform four indexes down', 'Blocked Vulnerable'],
    ['one platform in two spellings', 'Blocked AmbiguousIndex'],
  ] as const)
    it(`W07: ${title}: what is vulnerable in it is not promoted`, async () => {
      const images = await push(shapeOf(title));
      await writeFile(evil, images.get('evil') ?? '');
      expect(await promote()).to.deep.equal([expected]);
    });

  it('W07: statements of BuildKit are no platform, and not scanned', async () => {
    const images = await push(shapeOf('statements as BuildKit writes them'));
    expect(await promote()).to.deep.equal(['Promoted']);
    const scanned = (await trivy.scans()).map(({ args }) => args.at(-1) ?? '');
    expect(scanned.map((one) => one.slice(one.indexOf('@') + 1))).to.deep.equal([images.get('evil')]);
  });
});

function shapeOf(title: string): readonly Child[] {
  const shape = ODD_INDEXES.find((one) => one.title === title);
  if (!shape) throw new Error(`there is no shape "${title}"`);
  return shape.children;
}
