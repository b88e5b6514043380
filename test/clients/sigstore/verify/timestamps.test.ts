import { expect } from 'chai';
import type { Trust } from '../../../../src/core/model/index.ts';
import { asTrustRoot, createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import { signBundle, signEnvelope, signLayer } from '../../../support/sigstore/sign.ts';
import { signingKey } from '../../../support/signing.ts';
import { openVerifier, attestationLayer, bundled, image, signatureLayer, whyNot } from '../fixture.ts';

const TIMESTAMP = 'dev.sigstore.cosign/rfc3161timestamp';
const annotation = (der: Buffer) => JSON.stringify({ SignedRFC3161Timestamp: der.toString('base64') });

describe('timestamps', () => {
  const ask = openVerifier();
  const key = signingKey();
  let sigstore: Sigstore;
  let trust: Trust;
  before(async () => {
    sigstore = await createSigstore();
    trust = { keys: [key], roots: [sigstore.root] };
  });
  const unlogged = { key, digest: image, logged: false } as const;

  it('prove when a key signed, in every form', async () => {
    const timestamped = { ...unlogged, timestamped: true };
    for (const candidate of [
      signatureLayer(await signLayer(sigstore, timestamped)),
      attestationLayer(await signEnvelope(sigstore, timestamped)),
      bundled(await signBundle(sigstore, timestamped)),
    ])
      expect(await ask(candidate, trust)).to.deep.include({
        state: 'proven',
        timestampedBy: [sigstore.root.fingerprint],
        signedAt: sigstore.signedAt,
      });
  });

  it('the earliest proven time is the latest possible time of signing', async () => {
    const layer = await signLayer(sigstore, { key, digest: image });
    const signature = Buffer.from(layer.annotations['dev.cosignproject.cosign/signature']!, 'base64');
    const later = new Date(sigstore.signedAt.getTime() + 5_000);
    const annotations = {
      ...layer.annotations,
      [TIMESTAMP]: annotation(await sigstore.timestamp(signature, later)),
    };
    expect(await ask(signatureLayer({ ...layer, annotations }), trust)).to.deep.include({
      loggedBy: [sigstore.root.fingerprint],
      timestampedBy: [sigstore.root.fingerprint],
      signedAt: sigstore.signedAt,
    });
  });

  const useless: readonly [string, () => Promise<string>, string][] = [
    ['that is garbage', async () => annotation(Buffer.from('garbage')), 'its timestamp cannot be read'],
    ['that is empty ASN.1', async () => annotation(Buffer.from([0x30, 0])), 'its timestamp cannot be read'],
    [
      'that is cut short',
      async () => annotation((await sigstore.timestamp(Buffer.from('x'))).subarray(0, 90)),
      'its timestamp cannot be read',
    ],
    ['in garbage', async () => 'garbage', 'its timestamp cannot be read'],
    [
      'over other bytes',
      async () => annotation(await sigstore.timestamp(Buffer.from('other'))),
      'its timestamp is by no trusted authority, or over something else',
    ],
  ];
  for (const [title, value, why] of useless) {
    it(`S05: a timestamp ${title} proves nothing, and does not affect other proofs`, async () => {
      const layer = await signLayer(sigstore, unlogged);
      const stamped = { ...layer, annotations: { ...layer.annotations, [TIMESTAMP]: await value() } };
      const signature = await ask(signatureLayer(stamped), trust);
      expect(signature).to.deep.include({ state: 'proven', timestampedBy: [] });
      expect(signature).not.to.have.property('signedAt');
    });

    it(`S05: a certificate with a timestamp ${title} is refused with a reason`, async () => {
      const layer = await signLayer(sigstore, {
        ...(await sigstore.certify()),
        digest: image,
        logged: false,
      });
      const annotations = { ...layer.annotations, [TIMESTAMP]: await value() };
      expect(whyNot(await ask(signatureLayer({ ...layer, annotations }), trust))).to.equal(
        `made with a certificate, at no proven time: ${why}`,
      );
    });
  }

  it('S05: a timestamp by an untrusted authority proves nothing', async () => {
    const other = {
      ...sigstore.rootJson,
      timestampAuthorities: (await createSigstore()).rootJson.timestampAuthorities,
    };
    const candidate = bundled(await signBundle(sigstore, { ...unlogged, timestamped: true }));
    const signature = await ask(candidate, { keys: [key], roots: [asTrustRoot(other)] });
    expect(signature).to.deep.include({ state: 'proven', timestampedBy: [] });
  });

  it('S05: a timestamp by an authority that was not trusted at that time proves nothing', async () => {
    const json = structuredClone(sigstore.rootJson);
    json.timestampAuthorities[0]!.validFor.end = new Date(sigstore.signedAt.getTime() - 1_000).toISOString();
    const candidate = bundled(await signBundle(sigstore, { ...unlogged, timestamped: true }));
    const signature = await ask(candidate, { keys: [key], roots: [asTrustRoot(json)] });
    expect(signature).to.deep.include({ state: 'proven', timestampedBy: [] });
  });

  it('the timestamp of an .att layer covers the envelope, not the signature in it', async () => {
    const layer = await signEnvelope(sigstore, unlogged);
    const { signatures } = JSON.parse(layer.bytes.toString()) as { signatures: { sig: string }[] };
    const over = Buffer.from(signatures[0]!.sig, 'base64');
    const annotations = { ...layer.annotations, [TIMESTAMP]: annotation(await sigstore.timestamp(over)) };
    const signature = await ask(attestationLayer({ ...layer, annotations }), trust);
    expect(signature).to.deep.include({ state: 'proven', timestampedBy: [] });
  });

  it('oversized timestamps are refused before they are read', async () => {
    const bundle = await signBundle(sigstore, { ...unlogged, timestamped: true });
    const { rfc3161Timestamps: all } = bundle.verificationMaterial.timestampVerificationData;
    all.push(...Array<(typeof all)[0]>(1_000).fill(all[0]!));
    expect(whyNot(await ask(bundled(bundle), trust))).to.equal('with 1001 timestamps, more than 4');
  });
});
