import { expect } from 'chai';
import { openKeySigner } from '../../../src/clients/sigstore/index.ts';
import { digestOf, parseJson, type Descriptor, type Digest } from '../../../src/core/model/index.ts';
import type { ScanOutput, Statement, WrittenStatement } from '../../../src/core/promotion/index.ts';
import { attachStep, verifySource } from '../../../src/core/promotion/promote.ts';
import type { ImageTask, Learned, StepParts } from '../../../src/core/promotion/steps/step.ts';
import { shipKey } from '../../support/promotions/promotion-fixture.ts';
import { scanReport } from '../../support/promotions/scan-reports.ts';
import { readSpec } from '../../support/promotions/promotions.ts';

const STARTED = new Date('2026-11-24T12:00:00Z');
const DIGEST = digestOf('image');
const OUTPUT: ScanOutput = {
  ...scanReport({ SchemaVersion: 2, Results: [] }),
  scanner: { name: 'trivy', version: '0.74.0' },
  startedAt: STARTED,
  finishedAt: STARTED,
};

/** A report that claims to be ours and of this run, and is really a release of another image. */
const FORGED: Descriptor = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOf('forged'),
  size: 10,
  artifactType: 'application/vnd.in-toto+json',
  annotations: {
    'in-toto.io/predicate-type': 'https://cosign.sigstore.dev/attestation/vuln/v1',
    'com.cssc.scan.source': 'registry.example.com/quarantine/app',
    'com.cssc.scan.tag': '1.0.0',
    'org.opencontainers.image.created': '2036-01-01T00:00:00Z',
  },
};
const task = {
  image: { registry: 'registry.example.com', repository: 'quarantine/app', tag: '1.0.0', digest: DIGEST },
  to: { registry: 'registry.example.com', repository: 'golden/app', tag: '1.0.0' },
} as unknown as ImageTask;
const learned = {
  scanned: [{ platform: '', digest: DIGEST, kind: 'scan', output: OUTPUT }],
  graph: { root: { manifest: { mediaType: FORGED.mediaType, digest: DIGEST, size: 7 } } },
} as unknown as Learned;

describe('the report of a scan', () => {
  it('is all that is signed: existing reports at the target are neither read nor reused', async () => {
    const opened = await openKeySigner({ pem: shipKey().pem });
    if (!opened.ok) throw new Error('a fresh key could not be opened');
    const signed: Statement[] = [];
    const pushed = new Set<Digest>();
    const target = {
      referrers: () => Promise.resolve([FORGED]),
      manifest: () => Promise.reject(new Error('a report at the target was opened')),
      digestOf: (bytes: Uint8Array) => Promise.resolve(digestOf(bytes)),
      pushBlob: (_: unknown, bytes: Uint8Array) => Promise.resolve(digestOf(bytes)),
      pushManifest: (_: unknown, { manifest }: { readonly manifest: { readonly digest: Digest } }) => {
        pushed.add(manifest.digest);
        return Promise.resolve();
      },
    };
    const signer = {
      ...opened.value,
      signStatement: (statement: Statement | WrittenStatement, signal: AbortSignal) => {
        signed.push('json' in statement ? (parseJson(statement.json) as Statement) : statement);
        return opened.value.signStatement(statement, signal);
      },
    };
    const parts = { target, signer, startedAt: STARTED } as unknown as StepParts;
    const { promote } = readSpec({
      promote: { scan: {}, sign: { secretRef: { name: 'key' }, format: 'Bundle' } },
    });
    const step = attachStep(parts, promote!.scan!, promote!.sign);
    const run = () => step.run(task, learned, new AbortController().signal);
    const outcome = await run();
    expect(outcome.status).to.equal('succeeded');
    expect(signed.map(({ predicateType, subject }) => [predicateType, subject[0]?.digest])).to.deep.equal([
      ['https://cosign.sigstore.dev/attestation/vuln/v1', { sha256: DIGEST.slice('sha256:'.length) }],
    ]);
    expect(outcome.learned?.report?.digest).to.not.equal(FORGED.digest);
    const report = outcome.learned?.report?.digest;
    expect(pushed.has(report ?? FORGED.digest)).to.equal(true);
    expect((await run()).learned?.report?.digest).to.equal(report);
  });
});

describe('the policies of a source', () => {
  for (const kind of ['deny', 'unknown'] as const)
    it(`stop an image by ${kind} also when they give no reason`, async () => {
      const judge = () =>
        Promise.resolve({ container: '', field: '', image: '', verdict: { kind, findings: [] } });
      const outcome = await verifySource({ judge }).run(task, learned, new AbortController().signal);
      expect(outcome.status).to.equal('blocked');
    });
});
