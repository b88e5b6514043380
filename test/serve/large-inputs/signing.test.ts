import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { hashElsewhere } from '../../../src/clients/io/index.ts';
import { openKeySigner } from '../../../src/clients/sigstore/index.ts';
import { digestOf, matchesDigest } from '../../../src/core/model/index.ts';
import { extendManifest } from '../../../src/core/model/extension.ts';
import type {
  Digest,
  Extension,
  ImageRef,
  Manifest,
  ManifestContent,
} from '../../../src/core/model/index.ts';
import type { ArtifactSigner, TargetRegistry } from '../../../src/core/promotion/index.ts';
import { readScanReport } from '../../../src/core/promotion/gates/scan-report.ts';
import { reportRecord, vulnerabilityStatement } from '../../../src/core/promotion/records/report.ts';
import { statementIn, STATEMENT_ANNOTATION } from '../../../src/core/promotion/records/statement.ts';
import { attach, writeStatement } from '../../../src/core/promotion/steps/write.ts';
import { subjectOf } from '../../../src/core/promotion/records/artifact.ts';
import { pin } from '../../../src/core/model/index.ts';
import { report } from '../../core/promotion/gates/scans.ts';
import { longestWork, LONGEST_DELAY_MS } from './loop-delay.ts';
import { manifestWith } from './manifests.ts';

const AT = new Date('2026-03-02T12:00:00Z');
const TO: ImageRef = { registry: 'registry.example.com', repository: 'golden/web' };
const REPORT_BYTES = 20 * 1024 * 1024;
const forever = (): AbortSignal => new AbortController().signal;

async function signerOf(type: 'ec' | 'rsa' | 'ed25519'): Promise<ArtifactSigner> {
  const options = { privateKeyEncoding: { type: 'pkcs8', format: 'pem' } } as const;
  const spki = { type: 'spki', format: 'pem' } as const;
  const pem = {
    ec: () => generateKeyPairSync('ec', { namedCurve: 'P-256', ...options, publicKeyEncoding: spki }),
    rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048, ...options, publicKeyEncoding: spki }),
    ed25519: () => generateKeyPairSync('ed25519', { ...options, publicKeyEncoding: spki }),
  }[type]().privateKey;
  const opened = await openKeySigner({ pem });
  if (!opened.ok) throw new Error('no signer');
  return opened.value;
}

/** A repository that keeps what is pushed, and has nothing else. */
function repository() {
  const blobs = new Map<Digest, Uint8Array>();
  const manifests: ManifestContent[] = [];
  const target = {
    digestOf: hashElsewhere,
    referrers: () => Promise.resolve([]),
    content: () => Promise.resolve(undefined),
    extendManifest: (_: ImageRef, extension: Extension) => {
      const made = extendManifest(extension);
      return made.ok ? Promise.resolve(made.value) : Promise.reject(new Error('not extended'));
    },
    pushBlob: async (_: ImageRef, bytes: Uint8Array) => {
      const digest = await hashElsewhere(bytes);
      blobs.set(digest, bytes);
      return digest;
    },
    pushManifest: (_: ImageRef, content: ManifestContent) => {
      manifests.push(content);
      return Promise.resolve();
    },
  } satisfies Partial<TargetRegistry>;
  return { target: target as unknown as TargetRegistry, blobs, manifests };
}

const about: Manifest = manifestWith([]);
const image = pin(TO, about.digest);

function scanOf(bytes: number) {
  const printed = Buffer.from(JSON.stringify({ ...Object(report([])), text: 'x'.repeat(bytes) }));
  const read = readScanReport(printed);
  if (!read.ok) throw new Error('no report');
  const scanner = { name: 'trivy', version: '0.74.0' };
  return { ...read.value, scanner, startedAt: AT, finishedAt: AT };
}

/** Attaches and signs a report, as a promotion does. */
async function publish(scan: ReturnType<typeof scanOf>, signer: ArtifactSigner) {
  const { target, blobs, manifests } = repository();
  const place = { target, to: TO, about };
  const written = vulnerabilityStatement(image, scan);
  const statement = { ...written, digest: await target.digestOf(written.json) };
  const record = { scan, source: TO, threshold: 'High', method: 'image', exceptions: [] } as const;
  await attach(place, reportRecord(statement, record, subjectOf(about)), forever());
  const refused = await writeStatement(
    place,
    { signer, left: [], format: 'Both', at: AT },
    statement,
    forever(),
  );
  expect(refused).to.equal(undefined);
  // Both signed forms are written at the same time.
  const [plain, ...signed] = manifests.map(({ manifest }) => manifest);
  const bundle = signed.find(({ subject }) => subject !== undefined);
  const layers = signed.find(({ subject }) => subject === undefined);
  return { statement, blobs, plain, bundle, layers };
}

describe('a large report that is attached and signed', () => {
  for (const type of ['ec', 'rsa', 'ed25519'] as const)
    it(`M31: the main thread is not kept by 20 MiB and a key of type ${type}`, async () => {
      const signer = await signerOf(type);
      const scan = scanOf(REPORT_BYTES);
      const longest = await longestWork(() => publish(scan, signer));
      expect(longest).to.be.below(LONGEST_DELAY_MS);
    });

  for (const bytes of [1, 768 * 1024, 2 ** 20, 2 ** 20 + 1, 2 ** 20 + 2])
    it(`M31: what is written of a report of ${bytes} characters is one signed statement, whole`, async () => {
      const signer = await signerOf('ec');
      const { statement, blobs, plain, bundle, layers } = await publish(scanOf(bytes), signer);
      const says = digestOf(statement.json);
      const stored = (one: Manifest | undefined) =>
        blobs.get(one?.layers[0]?.digest ?? digestOf('')) ?? Buffer.alloc(0);
      expect(plain?.annotations).to.include({ [STATEMENT_ANNOTATION]: says });
      expect(bundle?.annotations).to.include({ [STATEMENT_ANNOTATION]: says });
      expect(layers?.layers[0]?.annotations).to.include({ [STATEMENT_ANNOTATION]: says });
      for (const [form, of] of [
        ['bundle', bundle],
        ['envelope', layers],
      ] as const) {
        const json = stored(of);
        expect(statementIn(json)).to.equal(says);
        expect(signer.made?.({ form, json })).to.equal(true);
        const text = Buffer.from(json).toString();
        expect(JSON.stringify(JSON.parse(text))).to.equal(text);
      }
      for (const [digest, one] of blobs) expect(matchesDigest(one, digest)).to.equal(true);
    });

  for (const [size, bytes, opened] of [
    ['large', 200_000, 0],
    ['small', 1, 1],
  ] as const)
    it(`M31: a ${size} record that claims to be by the signer is ${opened === 1 ? 'opened' : 'written once more, and not opened'}`, async () => {
      const signer = await signerOf('ed25519');
      const { statement, blobs, bundle: carrier } = await publish(scanOf(bytes), signer);
      if (!carrier) throw new Error('no bundle was written');
      let reads = 0;
      const again = repository();
      const target = {
        ...again.target,
        referrers: () => Promise.resolve([{ ...carrier, artifactType: carrier.artifactType }]),
        manifest: () => Promise.resolve(carrier),
        blob: (_: ImageRef, { digest }: { readonly digest: Digest }) => {
          reads += 1;
          return Promise.resolve(blobs.get(digest));
        },
      } as unknown as TargetRegistry;
      const place = { target, to: TO, about };
      await writeStatement(place, { signer, left: [], format: 'Bundle', at: AT }, statement, forever());
      expect(reads).to.equal(opened);
      expect(again.manifests).to.have.length(1 - opened);
    });
});
