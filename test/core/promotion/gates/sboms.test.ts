import { expect } from 'chai';
import { anonymous, createRegistry, type Registry } from '../../../../src/clients/registry/index.ts';
import { Fault, parseDigest, type PinnedRef } from '../../../../src/core/model/index.ts';
import { type Scanner } from '../../../../src/core/promotion/index.ts';
import { judgeScan } from '../../../../src/core/promotion/gates/scan-gate.ts';
import { scanPlatforms } from '../../../../src/core/promotion/gates/scan-platforms.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import {
  pushBlob,
  pushImage,
  pushManifest,
  pushReferrer,
  type BlobToPush,
  type Pushed,
  type Target,
} from '../../../support/registry/push.ts';
import { scanReport } from '../../../support/promotions/scan-reports.ts';
import { NOW, report, rule } from './scans.ts';

const IN_TOTO = 'application/vnd.in-toto+json';
const CYCLONEDX = 'application/vnd.cyclonedx+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const SPDX_DOCUMENT = { spdxVersion: 'SPDX-2.3', packages: [{ name: 'musl' }] };
const CYCLONEDX_DOCUMENT = { bomFormat: 'CycloneDX', components: [{ name: 'musl' }] };

describe('the SBOMs of a platform', () => {
  let embedded: EmbeddedRegistry;
  let registry: Registry;
  let target: Target;
  let image: Pushed;
  before(async () => {
    embedded = await startRegistry();
    registry = createRegistry({ keychain: anonymous, now: () => NOW });
    target = { registry: embedded.host, repository: 'shop/web' };
  });
  beforeEach(async () => {
    embedded.reset();
    image = await pushImage(target);
  });
  after(async () => {
    await registry.close();
    await embedded.close();
  });

  const pinned = ({ digest: text }: Pushed): PinnedRef => {
    const digest = parseDigest(text);
    if (digest === undefined) throw new Error(`${text} is no digest`);
    return { registry: embedded.host, repository: 'shop/web', digest };
  };
  const statement = (about: Pushed, predicateType: string, predicate: unknown): string =>
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'web', digest: { sha256: about.digest.slice('sha256:'.length) } }],
      predicateType,
      predicate,
    });
  const spdx = (about: Pushed): string => statement(about, 'https://spdx.dev/Document', SPDX_DOCUMENT);
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const attach = (artifactType: string, blob: BlobToPush, subject = image): Promise<Pushed> =>
    pushReferrer(target, { subject, artifactType, blobs: [blob] });

  /** Scans from SBOMs with a scanner that finds nothing: returns the given SBOMs, and the result of the gate. */
  async function scan(of: Pushed = image, result: unknown = report([])) {
    const given: unknown[] = [];
    const scanner: Scanner = (subject) => {
      if (subject.kind !== 'sbom') throw new Error('not an SBOM');
      given.push(JSON.parse(Buffer.from(subject.sbom).toString('utf8')));
      const output = { ...scanReport(result), scanner: { name: 'trivy', version: '1' }, startedAt: NOW };
      return Promise.resolve({ ...output, finishedAt: NOW });
    };
    const signal = AbortSignal.timeout(50_000);
    const manifest = await registry.manifest(pinned(of), signal);
    if (manifest === undefined) throw new Error('gone');
    const task = { image: pinned(of), manifest, from: 'Sbom', registry, scanner } as const;
    const { answer, reason } = judgeScan(await scanPlatforms(task, signal), rule(), NOW);
    return { given, answer, reason };
  }

  for (const [title, purl, classes, expected] of [
    ['of Alpine', 'pkg:apk/alpine/musl@1.2.5', ['lang-pkgs'], 'ScanIncomplete'],
    ['of Debian, in another spelling', 'PKG://deb/debian/zlib1g@1.3', ['lang-pkgs'], 'ScanIncomplete'],
    ['that were examined', 'pkg:apk/alpine/musl@1.2.5', ['os-pkgs', 'lang-pkgs'], undefined],
    ['that are libraries', 'pkg:npm/lodash@4.17.21', ['lang-pkgs'], undefined],
  ] as const) {
    it(`O14: packages in an SBOM ${title}: ${expected ?? 'Pass'}`, async () => {
      const sbom = { ...CYCLONEDX_DOCUMENT, components: [{ name: 'one', purl }] };
      await attach(CYCLONEDX, { mediaType: CYCLONEDX, bytes: JSON.stringify(sbom) });
      const Results = classes.map((Class) => ({ Class }));
      const Metadata = { OS: { Family: 'none', Name: '' } };
      expect((await scan(image, { SchemaVersion: 2, Metadata, Results })).reason).to.equal(expected);
    });
  }

  const forms: readonly [what: string, put: () => Promise<unknown>, document: unknown][] = [
    [
      'a CycloneDX document as a referrer',
      () => attach(CYCLONEDX, { mediaType: CYCLONEDX, bytes: JSON.stringify(CYCLONEDX_DOCUMENT) }),
      CYCLONEDX_DOCUMENT,
    ],
    [
      'an SPDX document as a referrer',
      () =>
        attach('application/spdx+json', {
          mediaType: 'application/spdx+json',
          bytes: JSON.stringify(SPDX_DOCUMENT),
        }),
      SPDX_DOCUMENT,
    ],
    ['a plain statement', () => attach(IN_TOTO, { mediaType: IN_TOTO, bytes: spdx(image) }), SPDX_DOCUMENT],
    [
      'a signed statement',
      () => {
        const mediaType = 'application/vnd.dsse.envelope.v1+json';
        return attach(mediaType, { mediaType, bytes: JSON.stringify({ payload: base64(spdx(image)) }) });
      },
      SPDX_DOCUMENT,
    ],
    [
      'a bundle',
      () => {
        const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
        const bytes = JSON.stringify({ dsseEnvelope: { payload: base64(spdx(image)) } });
        return attach(mediaType, { mediaType, bytes });
      },
      SPDX_DOCUMENT,
    ],
    [
      "cosign's tag",
      async () => {
        const layer = await pushBlob(target, {
          mediaType: 'application/vnd.dsse.envelope.v1+json',
          bytes: JSON.stringify({ payload: base64(spdx(image)) }),
        });
        const config = await pushBlob(target, {
          mediaType: 'application/vnd.oci.image.config.v1+json',
          bytes: '{}',
        });
        const tag = `${image.digest.replace(':', '-')}.att`;
        await pushManifest({ ...target, tag }, { schemaVersion: 2, config, layers: [layer] });
      },
      SPDX_DOCUMENT,
    ],
  ];
  for (const [what, put, document] of forms) {
    it(`are found in ${what}`, async () => {
      await put();
      expect(await scan()).to.deep.equal({ given: [document], answer: 'Pass', reason: undefined });
    });
  }

  it('are found in the index, where BuildKit puts them', async () => {
    const config = await pushBlob(target, {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      bytes: '{}',
    });
    const annotations = { 'in-toto.io/predicate-type': 'https://spdx.dev/Document' };
    const layers = [await pushBlob(target, { mediaType: IN_TOTO, bytes: spdx(image), annotations })];
    const carrier = await pushManifest(target, { schemaVersion: 2, config, layers });
    const index = await pushManifest(
      target,
      {
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [
          { ...entry(image), platform: { os: 'linux', architecture: 'amd64' } },
          {
            ...entry(carrier),
            platform: { os: 'unknown', architecture: 'unknown' },
            annotations: {
              'vnd.docker.reference.type': 'attestation-manifest',
              'vnd.docker.reference.digest': image.digest,
            },
          },
        ],
      },
      OCI_INDEX,
    );
    expect(await scan(index)).to.deep.equal({ given: [SPDX_DOCUMENT], answer: 'Pass', reason: undefined });
  });

  it('are read for a child that names a platform, even if it is marked as an attestation manifest', async () => {
    const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
    const child = { ...entry(image), platform: { os: 'linux', architecture: 'amd64' }, annotations };
    const index = await pushManifest(
      target,
      { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] },
      OCI_INDEX,
    );
    expect((await scan(index)).reason).to.equal('SbomMissing');
  });

  it('are all scanned, each of them once', async () => {
    await attach(CYCLONEDX, { mediaType: CYCLONEDX, bytes: JSON.stringify(CYCLONEDX_DOCUMENT) });
    await attach(IN_TOTO, { mediaType: IN_TOTO, bytes: spdx(image) });
    await attach(IN_TOTO, { mediaType: IN_TOTO, bytes: `${spdx(image)} ` });
    expect((await scan()).given).to.have.deep.members([CYCLONEDX_DOCUMENT, SPDX_DOCUMENT]);
  });

  const none: readonly [what: string, put: () => Promise<unknown>][] = [
    ['nothing is attached', () => Promise.resolve()],
    [
      'the statement is about another image',
      async () => {
        const other = await pushImage(target, { salt: 'other' });
        await attach(IN_TOTO, { mediaType: IN_TOTO, bytes: spdx(other) });
      },
    ],
    [
      'the statement has another predicate type',
      () =>
        attach(IN_TOTO, {
          mediaType: IN_TOTO,
          bytes: statement(image, 'https://slsa.dev/provenance/v1', {}),
        }),
    ],
    [
      'it lists nothing',
      () => attach(CYCLONEDX, { mediaType: CYCLONEDX, bytes: '{"bomFormat":"CycloneDX","components":[]}' }),
    ],
    ['it is rubbish', () => attach(CYCLONEDX, { mediaType: CYCLONEDX, bytes: '<bom/>' })],
  ];
  for (const [what, put] of none) {
    it(`are missing when ${what}, which blocks the image`, async () => {
      await put();
      expect(await scan()).to.deep.equal({ given: [], answer: 'Block', reason: 'SbomMissing' });
    });
  }

  it('are unknown when the registry does not answer', async () => {
    embedded.intercept(({ url }) => (url.pathname.includes('/referrers/') ? { status: 503 } : undefined));
    const { answer, reason } = await scan();
    embedded.intercept(undefined);
    expect([answer, reason]).to.deep.equal(['Unknown', 'RegistryUnavailable']);
  });

  it('are unknown when there are more than the limit', async () => {
    for (let n = 0; n < 33; n += 1) {
      await attach(CYCLONEDX, {
        mediaType: CYCLONEDX,
        bytes: JSON.stringify({ ...CYCLONEDX_DOCUMENT, version: n }),
      });
    }
    expect((await scan()).reason).to.equal('LimitExceeded');
  });

  it('are not read after the deadline', async () => {
    const scanner: Scanner = () => Promise.reject(new Error('is not called'));
    const manifest = await registry.manifest(pinned(image), AbortSignal.timeout(50_000));
    if (manifest === undefined) throw new Error('gone');
    const task = { image: pinned(image), manifest, from: 'Sbom', registry, scanner } as const;
    const error: unknown = await scanPlatforms(task, AbortSignal.abort()).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Fault).and.to.include({ code: 'DeadlineExceeded' });
  });

  function entry({ mediaType, digest, size }: Pushed) {
    return { mediaType, digest, size };
  }
});
