import { expect } from 'chai';
import {
  digestOf,
  parseManifest,
  parseReference,
  pin,
  type Digest,
  type Manifest,
} from '../../../../src/core/model/index.ts';
import { judgeScan } from '../../../../src/core/promotion/gates/scan-gate.ts';
import { scanPlatforms } from '../../../../src/core/promotion/gates/scan-platforms.ts';
import type { Scanner } from '../../../../src/core/promotion/index.ts';
import { buildIndex, ODD_INDEXES, type Child } from '../../../support/indexes/shapes.ts';
import { scanReport } from '../../../support/promotions/scan-reports.ts';
import { NOW, report, rule } from './scans.ts';

/** Scans an index by a scanner that finds nothing; names of what was scanned, and the reason of the gate. */
async function scan(children: readonly Child[], change = (manifest: Manifest): Manifest => manifest) {
  const { images, manifests, root } = buildIndex(children);
  const byDigest = new Map<Digest, Manifest>();
  for (const { bytes, digest, mediaType } of manifests) {
    const read = parseManifest(bytes, digest, mediaType);
    if (read.ok) byDigest.set(digest, change(read.value));
  }
  const names = new Map([...images].map(([name, digest]) => [digest, name]));
  const scanned: (string | undefined)[] = [];
  const scanner: Scanner = (subject) => {
    if (subject.kind === 'image') scanned.push(names.get(subject.image.digest));
    return Promise.resolve({
      ...scanReport(report([])),
      scanner: { name: 'trivy', version: '1' },
      startedAt: NOW,
      finishedAt: NOW,
    });
  };
  const name = parseReference('registry.example.com/shop/web');
  if (!name.ok) throw new Error('no reference');
  const registry = {
    manifest: ({ digest }: { readonly digest?: Digest }) => Promise.resolve(digest && byDigest.get(digest)),
    referrers: () => Promise.resolve([]),
    blob: () => Promise.resolve(undefined),
  };
  const task = {
    image: pin(name.value, root),
    manifest: byDigest.get(root)!,
    from: 'Image',
    registry,
    scanner,
  } as const;
  const { answer, reason } = judgeScan(await scanPlatforms(task, AbortSignal.timeout(50_000)), rule(), NOW);
  return { scanned, answer, reason };
}

describe('the platforms that are scanned', () => {
  for (const { title, children, isRefused } of ODD_INDEXES)
    it(`W07: ${title}: ${isRefused ? 'blocks the gate' : 'every image is scanned'}`, async () => {
      const { scanned, answer, reason } = await scan(children);
      if (isRefused) expect([answer, reason, scanned]).to.deep.equal(['Unknown', 'AmbiguousIndex', []]);
      else expect(scanned).to.include('evil').and.not.to.include('statements');
    });

  it('N13: the scanner is not sent to addresses outside of the registry, which a layer names', async () => {
    const [odd] = ODD_INDEXES.filter(({ isRefused }) => !isRefused);
    const layer = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: `sha256:${'a'.repeat(64)}`,
      size: 1,
    };
    for (const urls of [
      ['http://169.254.169.254/latest/meta-data/'],
      [7],
      ['', 'https://registry.example.com/'],
    ]) {
      const body = { schemaVersion: 2, config: layer, layers: [layer, { ...layer, urls }] };
      const read = parseManifest(Buffer.from(JSON.stringify(body)), digestOf('image'));
      const layers = read.ok ? read.value.layers : [];
      expect(layers.map(({ isElsewhere }) => isElsewhere)).to.deep.equal([undefined, true]);
      const outcome = await scan(odd?.children ?? [], (manifest) => ({ ...manifest, layers }));
      expect(outcome).to.deep.equal({ scanned: [], answer: 'Unknown', reason: 'ScanIncomplete' });
    }
  });

  it('what is no container image is not given to the scanner, which fails on it each time', async () => {
    const [odd] = ODD_INDEXES.filter(({ isRefused }) => !isRefused);
    const types = ['application/vnd.cncf.helm.config.v1+json', 'application/vnd.wasm.config.v0+json'];
    for (const mediaType of types) {
      const config = { mediaType, digest: digestOf('config'), size: 1, annotations: {} };
      const outcome = await scan(odd?.children ?? [], (manifest) => ({ ...manifest, config }));
      expect(outcome).to.deep.equal({ scanned: [], answer: 'Unknown', reason: 'ScanIncomplete' });
    }
  });
});
