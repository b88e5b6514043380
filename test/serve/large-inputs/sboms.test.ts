import { expect } from 'chai';
import { digestOf, parseReference, pin, type JobOutcome } from '../../../src/core/model/index.ts';
import type { Scanner, ScanSubject } from '../../../src/core/promotion/index.ts';
import { readSbom } from '../../../src/core/promotion/gates/sboms.ts';
import { scanPlatforms } from '../../../src/core/promotion/gates/scan-platforms.ts';
import { scanReport } from '../../support/promotions/scan-reports.ts';
import { openJobs } from '../../support/threads.ts';
import { manifestWith } from './manifests.ts';
import { longestWork, LONGEST_DELAY_MS } from './loop-delay.ts';

const CYCLONEDX = 'application/vnd.cyclonedx+json';
const NOW = new Date('2026-10-01T00:00:00Z');

const component = { name: 'musl', purl: 'pkg:apk/alpine/musl@1.2.5', licenses: 'x'.repeat(400) };
const sbomOf = (components: readonly unknown[]) =>
  Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX', components }));

describe('large SBOMs', () => {
  const threads = openJobs();
  after(() => threads.close());
  let jobs = 0;
  beforeEach(() => {
    jobs = 0;
  });

  /** Scans an image with this SBOM attached. */
  async function scan(bytes: Uint8Array, outcome?: JobOutcome<ReturnType<typeof readSbom>>) {
    const image = manifestWith([]);
    const carrier = manifestWith([
      { mediaType: CYCLONEDX, digest: digestOf('sbom'), size: bytes.byteLength },
    ]);
    const name = parseReference('registry.example.com/shop/web');
    if (!name.ok) throw new Error('no reference');
    const given: ScanSubject[] = [];
    const scanner: Scanner = async (subject) => {
      given.push(subject);
      return {
        ...scanReport({ SchemaVersion: 2 }),
        scanner: { name: 'trivy', version: '1' },
        startedAt: NOW,
        finishedAt: NOW,
      };
    };
    const listed = { ...carrier, size: 1, artifactType: CYCLONEDX };
    const registry = {
      manifest: async ({ digest }: { readonly digest?: string }) =>
        [image, carrier].find((one) => one.digest === digest),
      referrers: async () => [listed],
      blob: async () => bytes,
    };
    const scanned = await scanPlatforms(
      {
        ...{ image: pin(name.value, image.digest), manifest: image, from: 'Sbom', registry, scanner },
        readSbomElsewhere: async (layer, weight) => {
          jobs += 1;
          return outcome ?? threads.run('sbom', layer, weight);
        },
      },
      AbortSignal.timeout(50_000),
    );
    return { scanned, given };
  }

  it('M10: a large SBOM is read elsewhere, and scanned as it is', async () => {
    const sbom = sbomOf(Array.from({ length: 5_000 }, () => component));
    const { scanned, given } = await scan(sbom);
    expect(jobs).to.equal(1);
    expect(scanned[0]).to.deep.include({ kind: 'scan', listsSystemPackages: true });
    const [subject] = given;
    expect(subject?.kind === 'sbom' && Buffer.from(subject.sbom).equals(sbom)).to.equal(true);
  });

  it('M10: a small SBOM is read here', async () => {
    const { scanned } = await scan(sbomOf([component]));
    expect(jobs).to.equal(0);
    expect(scanned[0]).to.deep.include({ kind: 'scan', listsSystemPackages: true });
  });

  it('M10: an SBOM of more values than can be read is unknown, here and elsewhere', async () => {
    const inside = Buffer.from(JSON.stringify({ components: Array.from({ length: 700_000 }, () => 0) }));
    const payload = inside.toString('base64');
    for (const bytes of [inside, Buffer.from(JSON.stringify({ payload })), Buffer.from('['.repeat(70_000))]) {
      const { scanned, given } = await scan(bytes);
      expect(scanned[0]).to.have.nested.property('reason.code', 'LimitExceeded');
      expect(given).to.deep.equal([]);
      expect(readSbom({ bytes, mediaType: CYCLONEDX, about: digestOf('') }).ok).to.equal(false);
    }
    expect(jobs).to.equal(3);
  });

  it('M10: an SBOM that no thread reads is unknown, never "no SBOM"', async () => {
    const sbom = sbomOf(Array.from({ length: 5_000 }, () => component));
    const reasons = { crowded: 'LimitExceeded', crashed: 'InternalError', late: 'DeadlineExceeded' } as const;
    for (const [failure, code] of Object.entries(reasons)) {
      const { scanned } = await scan(sbom, { ok: false, failure: failure as keyof typeof reasons });
      expect(scanned[0]).to.deep.include({ kind: 'unknown', transient: true });
      expect(scanned[0]).to.have.nested.property('reason.code', code);
    }
  });

  it('M13: the main thread is not kept by a large SBOM', async () => {
    const sbom = sbomOf(Array.from({ length: 30_000 }, () => component));
    const delay = await longestWork(() => scan(sbom));
    expect(delay).to.be.below(LONGEST_DELAY_MS);
  });
});
