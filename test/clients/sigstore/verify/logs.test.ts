import { createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import type { SignatureCandidate, Trust } from '../../../../src/core/model/index.ts';
import type { EntryKind } from '../../../support/sigstore/entries.ts';
import { asTrustRoot, createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import {
  certificatePem,
  signBundle,
  signEnvelope,
  signLayer,
  type BundleJson,
  type BundleRequest,
} from '../../../support/sigstore/sign.ts';
import { signingKey } from '../../../support/signing.ts';
import {
  openVerifier,
  attestationLayer,
  bundled,
  image,
  keysOnly,
  signatureLayer,
  whyNot,
} from '../fixture.ts';

const ENTRY = 'dev.sigstore.cosign/bundle';

describe('logs', () => {
  const ask = openVerifier();
  const key = signingKey();
  let sigstore: Sigstore;
  let trust: Trust;
  before(async () => {
    sigstore = await createSigstore();
    trust = { keys: [key], roots: [sigstore.root] };
  });

  /** Fingerprints of the roots whose logs contain it; the signature of a key is proven in any case. */
  const loggedBy = async (candidate: SignatureCandidate, given = trust) => {
    const signature = await ask(candidate, given);
    return signature.state === 'proven' ? signature.loggedBy : whyNot(signature);
  };
  const bundle = (request: Partial<BundleRequest> = {}) =>
    signBundle(sigstore, { key, digest: image, ...request });
  const changed = async (change: (bundle: BundleJson) => unknown, request: Partial<BundleRequest> = {}) => {
    const json = await bundle(request);
    change(json);
    return bundled(json);
  };

  const kinds: readonly [EntryKind, boolean][] = [
    ['hashedrekord 0.0.1', true],
    ['dsse 0.0.1', true],
    ['intoto 0.0.2', true],
    ['hashedrekord 0.0.2', true],
    ['dsse 0.0.2', true],
    ['intoto 0.0.1', false],
    ['rekord 0.0.1', false],
  ];
  for (const [logged, counts] of kinds) {
    it(`an entry ${logged} ${counts ? 'counts' : 'proves nothing'}`, async () => {
      expect(await loggedBy(bundled(await bundle({ logged })))).to.deep.equal(
        counts ? [sigstore.root.fingerprint] : [],
      );
    });
  }

  it('the first generation of Rekor proves a time, the second does not', async () => {
    expect(await ask(bundled(await bundle()), trust)).to.deep.include({ signedAt: sigstore.signedAt });
    expect(await ask(bundled(await bundle({ logged: 'hashedrekord 0.0.2' })), trust)).not.to.have.property(
      'signedAt',
    );
  });

  for (const kind of ['ecdsa-p384', 'ecdsa-p521', 'rsa', 'ed25519'] as const) {
    it(`holds signatures by ${kind}`, async () => {
      const signer = signingKey(kind);
      const hash = { 'ecdsa-p384': 'sha384', 'ecdsa-p521': 'sha512', rsa: 'sha256', ed25519: 'sha512' }[kind];
      const layer = await signLayer(sigstore, { key: signer, digest: image, hash });
      expect(await loggedBy(signatureLayer(layer), { ...trust, keys: [signer] })).to.have.length(1);
    });
  }

  it('is reported for both legacy forms', async () => {
    const layer = await signLayer(sigstore, { key, digest: image });
    const envelope = await signEnvelope(sigstore, { key, digest: image });
    for (const one of [signatureLayer(layer), attestationLayer(envelope)])
      expect(await loggedBy(one)).to.deep.equal([sigstore.root.fingerprint]);
  });

  it('an entry of an unknown log proves nothing and does not affect other entries', async () => {
    const other = await createSigstore();
    const foreign = await signBundle(other, { key, digest: image });
    expect(await loggedBy(bundled(foreign))).to.deep.equal([]);
    expect(await loggedBy(bundled(foreign), keysOnly(key))).to.deep.equal([]);
    const both = await changed(({ verificationMaterial }) =>
      verificationMaterial.tlogEntries.unshift(...foreign.verificationMaterial.tlogEntries),
    );
    expect(await loggedBy(both)).to.deep.equal([sigstore.root.fingerprint]);
  });

  it('S04: an entry of another signature by the same key over the same bytes does not count', async () => {
    const { tlogEntries } = (await bundle()).verificationMaterial;
    expect(
      await loggedBy(await changed((one) => (one.verificationMaterial.tlogEntries = tlogEntries))),
    ).to.deep.equal([]);
  });

  it('S04: an entry with another key does not count (CVE-2026-22703)', async () => {
    const other = signingKey();
    for (const logged of [
      'hashedrekord 0.0.1',
      'dsse 0.0.1',
      'intoto 0.0.2',
      'hashedrekord 0.0.2',
      'dsse 0.0.2',
    ] as const)
      expect(await loggedBy(bundled(await bundle({ logged, loggedAs: other.pem })))).to.deep.equal([]);
  });

  it('S04: an entry with another certificate does not count', async () => {
    const [maker, other] = [await sigstore.certify(), await sigstore.certify()];
    const loggedAs = certificatePem(other.certificate);
    const candidate = bundled(await bundle({ ...maker, loggedAs }));
    expect(whyNot(await ask(candidate, trust))).to.equal(
      'made with a certificate, at no proven time: its log entry does not prove this signature',
    );
    expect(await loggedBy(bundled(await bundle({ ...maker, loggedAs: maker.key.pem })))).to.have.length(1);
  });

  it('S04: one log named twice is one log (CVE-2026-49834)', async () => {
    const twice = await changed(({ verificationMaterial: { tlogEntries } }) =>
      tlogEntries.push(tlogEntries[0]!),
    );
    expect(await loggedBy(twice)).to.deep.equal([sigstore.root.fingerprint]);
  });

  it('S04: a certificate with a replayed entry has no proven time', async () => {
    const maker = await sigstore.certify();
    const [layer, other] = [
      await signLayer(sigstore, { ...maker, digest: image }),
      await signLayer(sigstore, { ...maker, digest: image }),
    ];
    const annotations = { ...layer.annotations, [ENTRY]: other.annotations[ENTRY]! };
    expect(whyNot(await ask(signatureLayer({ ...layer, annotations }), trust))).to.equal(
      'made with a certificate, at no proven time: its log entry does not prove this signature',
    );
  });

  const tampered: readonly [string, (bundle: BundleJson) => unknown][] = [
    ['time', ({ verificationMaterial: { tlogEntries } }) => (tlogEntries[0]!.integratedTime = '1700000000')],
    [
      'absurd time',
      ({ verificationMaterial: { tlogEntries } }) => (tlogEntries[0]!.integratedTime = '9'.repeat(40)),
    ],
    ['index', ({ verificationMaterial: { tlogEntries } }) => (tlogEntries[0]!.logIndex = '7')],
    [
      'kind',
      ({ verificationMaterial: { tlogEntries } }) => (tlogEntries[0]!.kindVersion.kind = 'hashedrekord'),
    ],
    [
      'body',
      ({ verificationMaterial: { tlogEntries } }) =>
        (tlogEntries[0]!.canonicalizedBody = Buffer.from('{"kind":"dsse","apiVersion":"0.0.1"}').toString(
          'base64',
        )),
    ],
    [
      'checkpoint',
      ({ verificationMaterial: { tlogEntries } }) => {
        const { checkpoint } = tlogEntries[0]!.inclusionProof!;
        checkpoint.envelope = checkpoint.envelope.replace('\n1\n', '\n2\n');
      },
    ],
    [
      'proof',
      ({ verificationMaterial: { tlogEntries } }) => (tlogEntries[0]!.inclusionProof!.logIndex = '1'),
    ],
  ];
  for (const [what, change] of tampered) {
    it(`S04: an entry whose ${what} was changed proves nothing`, async () => {
      expect(await loggedBy(await changed(change))).to.deep.equal([]);
    });
  }

  it('S05: a log counts only as long as the root trusts it', async () => {
    const json = structuredClone(sigstore.rootJson);
    json.tlogs[0]!.publicKey.validFor.end = new Date(sigstore.signedAt.getTime() - 1_000).toISOString();
    expect(
      await loggedBy(bundled(await bundle()), { keys: [key], roots: [asTrustRoot(json)] }),
    ).to.deep.equal([]);
  });

  it('an annotation that is no entry counts as no log entry, and causes no failure', async () => {
    const layer = await signLayer(sigstore, { key, digest: image });
    for (const garbage of [
      'garbage',
      '{}',
      'null',
      '{"SignedEntryTimestamp":"AAAA","Payload":{"body":"AAAA"}}',
    ])
      expect(
        await loggedBy(signatureLayer({ ...layer, annotations: { ...layer.annotations, [ENTRY]: garbage } })),
      ).to.deep.equal([]);
    const maker = await sigstore.certify();
    const keyless = await signLayer(sigstore, { ...maker, digest: image });
    const annotations = { ...keyless.annotations, [ENTRY]: 'garbage' };
    expect(whyNot(await ask(signatureLayer({ ...keyless, annotations }), trust))).to.equal(
      'made with a certificate, at no proven time: its log entry cannot be read',
    );
  });

  it('S04: oversized entries are refused before they are read (CVE-2024-45395)', async () => {
    const endless = await changed(({ verificationMaterial: { tlogEntries } }) => {
      tlogEntries.push(...Array<(typeof tlogEntries)[0]>(10_000).fill(tlogEntries[0]!));
    });
    expect(await loggedBy(endless)).to.equal('with 10001 log entries, more than 8');
  });

  it('the key in an entry may have another DER encoding, if it is the same key', async () => {
    const pem = createPublicKey(key.pem).export({ type: 'spki', format: 'pem' }).toString();
    const loggedAs = pem.replaceAll('\n', '\r\n');
    expect(await loggedBy(bundled(await bundle({ logged: 'hashedrekord 0.0.1', loggedAs })))).to.have.length(
      1,
    );
  });
});
