import { expect } from 'chai';
import fc from 'fast-check';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { anonymous, createRegistry, type Registry as Client } from '../../../src/clients/registry/index.ts';
import type { Trivy } from '../../../src/clients/scanner/trivy.ts';
import { listRunnable } from '../../../src/core/evidence/index.ts';
import { digestHex, digestOf, parseManifest, type Digest } from '../../../src/core/model/index.ts';
import type { ScanRule } from '../../../src/core/promotion/gates/scan-gate.ts';
import { buildIndex, ODD_INDEXES, type BuiltIndex, type Child } from '../../support/indexes/shapes.ts';
import { anyTree } from '../../support/indexes/trees.ts';
import { pushBlob, pushManifest } from '../../support/registry/push.ts';
import { tarOf } from '../../support/tar.ts';
import { succeed } from '../support/programs/command.ts';
import { requirePrograms } from '../support/programs/ensure.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { startOlareg, type Registry } from '../support/promotions/registries.ts';
import { scanGate } from '../support/promotions/scan-gate.ts';
import { alpineFiles, cacheIn, openTrivy, writeDatabase } from '../support/promotions/scans.ts';

const NODES = [
  ...['amd64', '386', 's390x'].map((architecture) => ({ os: 'linux', architecture })),
  ...['v8', 'v9.2'].map((variant) => ({ os: 'linux', architecture: 'arm64', variant })),
  ...['v5', 'v6', 'v7', 'v8'].map((variant) => ({ os: 'linux', architecture: 'arm', variant })),
  ...['v2', 'v3'].map((variant) => ({ os: 'linux', architecture: 'amd64', variant })),
  ...['10.0.17763.1', '10.0.20348.1'].map((osVersion) => ({
    os: 'windows',
    architecture: 'amd64',
    osVersion,
  })),
];
const RUNTIMES = ['containerd', 'crio'] as const;
/** Trees that are asked about besides the odd ones: each for every node. */
const RANDOM_TREES = 300;

describe("what containerd's and CRI-O's own code pick from an index", () => {
  let workspace: Workspace;
  let selection: string;
  before(async () => {
    workspace = await openWorkspace('selection');
    ({ selection } = await requirePrograms(['selection']));
  });
  after(() => workspace.close());

  /** For each index the names of the images that are picked: by which runtime, on which node. */
  async function pick(indexes: readonly BuiltIndex[]) {
    const folder = join(workspace.folder, 'content');
    await mkdir(folder, { recursive: true });
    for (const { manifests, blobs } of indexes)
      for (const bytes of [...blobs, ...manifests.map((one) => one.bytes)])
        await writeFile(join(folder, digestHex(digestOf(bytes))), bytes);
    const questions = indexes.flatMap(({ root }) => NODES.map((node) => ({ folder, root, ...node })));
    const input = questions.map((one) => JSON.stringify(one)).join('\n');
    const printed = (await succeed({ command: selection, args: [], input })).trim().split('\n');
    const answers = printed.map(
      (line) => JSON.parse(line) as Partial<Record<(typeof RUNTIMES)[number], Digest>>,
    );
    return indexes.map(({ byConfig }, at) =>
      answers.slice(at * NODES.length, (at + 1) * NODES.length).flatMap((answer, node) =>
        RUNTIMES.flatMap((runtime) => {
          const config = answer[runtime];
          return config ? [{ runtime, node: NODES[node], image: byConfig.get(config) ?? config }] : [];
        }),
      ),
    );
  }

  async function list({
    root,
    manifests,
    images,
  }: BuiltIndex): Promise<readonly (string | undefined)[] | string> {
    const names = new Map([...images].map(([name, digest]) => [digest, name]));
    const read = (digest: Digest) => {
      const found = manifests.find((one) => one.digest === digest);
      const parsed = found && parseManifest(found.bytes, digest, found.mediaType);
      return parsed?.ok ? parsed.value : undefined;
    };
    const listed = await listRunnable(read(root)!, ({ digest }) => Promise.resolve(read(digest)));
    return 'state' in listed ? listed.reason.code : listed.map(({ digest }) => names.get(digest));
  }

  it('W12: is in the list of what is judged, for odd indexes on every node', async () => {
    const indexes = ODD_INDEXES.map(({ children }) => buildIndex(children));
    const picked = await pick(indexes);
    const wasRun = { containerd: 0, crio: 0 };
    for (const [at, { title, isRefused }] of ODD_INDEXES.entries()) {
      const listed = await list(indexes[at]!);
      if (isRefused) expect(listed, title).to.equal('AmbiguousIndex');
      else
        for (const one of picked[at]!)
          expect(listed, `${title}: ${JSON.stringify(one)}`).to.include(one.image);
      for (const runtime of RUNTIMES)
        if (picked[at]!.some((one) => one.runtime === runtime && one.image === 'evil')) wasRun[runtime] += 1;
    }
    // The runtimes do run what is odd: the list is not long for nothing.
    expect(wasRun.containerd).to.be.at.least(12);
    expect(wasRun.crio).to.be.at.least(8);
  });

  it('W12: is in the list for any tree', async () => {
    const indexes = fc
      .sample(fc.array(anyTree, { minLength: 1, maxLength: 5 }), RANDOM_TREES)
      .map((one) => buildIndex(one));
    const picked = await pick(indexes);
    let checked = 0;
    for (const [at, index] of indexes.entries()) {
      const listed = await list(index);
      if (typeof listed === 'string') continue;
      for (const one of picked[at]!) expect(listed, JSON.stringify(one)).to.include(one.image);
      checked += picked[at]!.length;
    }
    expect(checked).to.be.above(RANDOM_TREES);
  });

  it('W12: differs between them where one platform is written in two ways, which is refused', async () => {
    const amd64 = { os: 'linux', architecture: 'amd64' };
    const index = buildIndex([
      { image: 'evil', config: amd64, platform: { ...amd64, variant: 'v1' } },
      { image: 'clean', config: amd64, platform: amd64 },
    ]);
    const [picked = []] = await pick([index]);
    const onAmd64 = picked.filter(({ node }) => node?.architecture === 'amd64' && !('variant' in node));
    expect(onAmd64.map(({ runtime, image }) => `${runtime} ${image}`)).to.have.members([
      'containerd evil',
      'crio clean',
    ]);
    expect(await list(index)).to.equal('AmbiguousIndex');
  });

  describe('scanned by the real Trivy', () => {
    const RULE: ScanRule = {
      ...{
        failOn: 'High',
        fixableOnly: false,
        unknownSeverity: 'Block',
        unsupported: 'Unknown',
        exceptions: [],
      },
      ...{ maxReportAgeMs: 3_600_000, maxDatabaseAgeMs: 86_400_000 },
    };
    const CLEAN = { zlib: '1.3.1-r1' };
    let olareg: Registry;
    let registry: Client;
    let trivy: Trivy;
    before(async () => {
      olareg = await startOlareg();
      registry = createRegistry({ keychain: anonymous, now: () => new Date() });
      const cacheDirectory = cacheIn(workspace.folder);
      const advisories = [
        { package: 'musl', id: 'CVE-2026-0001', severity: 'CRITICAL', fixedVersion: '1.2.5-r1' },
      ] as const;
      await writeDatabase(cacheDirectory, { updatedAt: new Date(), advisories });
      trivy = await openTrivy({ cacheDirectory });
    });
    after(async () => {
      await registry.close();
      await olareg.stop();
    });

    const layerOf = (image: string): Uint8Array =>
      tarOf(alpineFiles(image === 'evil' ? { ...CLEAN, musl: '1.2.5-r0' } : CLEAN));
    const gate = async (children: readonly Child[], repository: string) => {
      const to = { registry: olareg.host, repository };
      const { manifests, blobs, root } = buildIndex(children, layerOf);
      for (const bytes of blobs) await pushBlob(to, { mediaType: 'application/octet-stream', bytes });
      for (const { bytes, mediaType } of manifests)
        await pushManifest(to, JSON.parse(Buffer.from(bytes).toString('utf8')) as never, mediaType);
      const image = {
        reference: `${olareg.host}/${repository}@${root}`,
        digest: root,
        size: 1,
        mediaType: '',
        body: {},
      };
      return scanGate(registry, image, { ...RULE, scanner: trivy.scan });
    };

    for (const [at, { title, children, isRefused }] of ODD_INDEXES.entries())
      it(`W12: ${title}: ${isRefused ? 'is unknown' : 'what a runtime would pick is found to be vulnerable'}`, async () => {
        const { answer, blocking, reason, message } = await gate(children, `odd/index-${at}`);
        // olareg serves a manifest under the type of the index that lists it: then it contradicts its own body.
        if (isRefused) expect(reason, message).to.be.oneOf(['AmbiguousIndex', 'RegistryMisbehaved']);
        else expect(blocking, message).to.include('CVE-2026-0001');
        expect(answer).to.be.oneOf(isRefused ? ['Unknown'] : ['Block', 'Unknown']);
      });
  });
});
