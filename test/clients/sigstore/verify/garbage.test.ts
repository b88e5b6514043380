import { expect } from 'chai';
import fc from 'fast-check';
import { createParsedTrust } from '../../../../src/clients/sigstore/verify/material.ts';
import { verifyCandidate } from '../../../../src/clients/sigstore/verify/verifier.ts';
import type { SignatureCandidate, Trust } from '../../../../src/core/model/index.ts';
import { createSigstore } from '../../../support/sigstore/instance.ts';
import { signBundle, signLayer, type BundleJson, type Layer } from '../../../support/sigstore/sign.ts';
import { signingKey } from '../../../support/signing.ts';
import { bundled, image, signatureLayer, whyNot } from '../fixture.ts';

/** Where a bundle made with a certificate can be damaged: each extracts the base64 and puts it back. */
const PLACES: Readonly<Record<string, (bundle: BundleJson, damage: (base64: string) => string) => void>> = {
  certificate: ({ verificationMaterial: { certificate } }, damage) => {
    certificate!.rawBytes = damage(certificate!.rawBytes);
  },
  timestamp: ({ verificationMaterial: { timestampVerificationData: data } }, damage) => {
    data.rfc3161Timestamps[0]!.signedTimestamp = damage(data.rfc3161Timestamps[0]!.signedTimestamp);
  },
  'log entry': ({ verificationMaterial: { tlogEntries } }, damage) => {
    tlogEntries[0]!.canonicalizedBody = damage(tlogEntries[0]!.canonicalizedBody);
  },
  'promise of the log': ({ verificationMaterial: { tlogEntries } }, damage) => {
    const promise = tlogEntries[0]!.inclusionPromise!;
    promise.signedEntryTimestamp = damage(promise.signedEntryTimestamp);
  },
  payload: ({ dsseEnvelope }, damage) => {
    dsseEnvelope!.payload = damage(dsseEnvelope!.payload);
  },
  signature: ({ dsseEnvelope }, damage) => {
    dsseEnvelope!.signatures[0]!.sig = damage(dsseEnvelope!.signatures[0]!.sig);
  },
};

describe('garbage', () => {
  const parsed = createParsedTrust();
  let trust: Trust;
  let bundle: BundleJson;
  let layer: Layer;
  let signedAt: Date;
  before(async () => {
    const sigstore = await createSigstore();
    signedAt = sigstore.signedAt;
    const maker = await sigstore.certify();
    trust = { keys: [signingKey()], roots: [sigstore.root] };
    bundle = await signBundle(sigstore, { ...maker, digest: image, timestamped: true });
    layer = await signLayer(sigstore, { ...maker, digest: image, timestamped: true });
  });
  const ask = (candidate: SignatureCandidate) => {
    const [signature] = verifyCandidate({ candidate, digest: image, trust }, parsed);
    return signature!;
  };

  for (const [place, change] of Object.entries(PLACES)) {
    it(`one damaged byte in its ${place} is a refusal and never an exception`, () => {
      fc.assert(
        fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, xor) => {
          const copy = structuredClone(bundle);
          change(copy, (base64) => {
            const bytes = Buffer.from(base64, 'base64');
            bytes[at % bytes.length]! ^= xor;
            return bytes.toString('base64');
          });
          const signature = ask(bundled(copy));
          if (signature.state !== 'proven') {
            expect(signature.state, whyNot(signature)).to.equal('unproven');
            return;
          }
          // With one damaged proof of time the other one remains, and the signature may still be proven. All other damage refuses it.
          // Only a timestamp has bytes around it that nothing protects.
          expect(['timestamp', 'log entry', 'promise of the log']).to.include(place);
          const seen = [...signature.loggedBy, ...signature.timestampedBy];
          expect(seen).to.have.length.within(1, place === 'timestamp' ? 2 : 1);
          expect(signature.signedAt).to.deep.equal(signedAt);
        }),
        { numRuns: 60 },
      );
    });
  }

  it('any text in any annotation is a refusal and never an exception', () => {
    const names = Object.keys(layer.annotations);
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.oneof(fc.string(), fc.json(), fc.base64String()),
        (name, text) => {
          const annotations = { ...layer.annotations, [name]: text };
          expect(ask(signatureLayer({ ...layer, annotations })).state).to.be.oneOf(['proven', 'unproven']);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('any JSON as a bundle is a refusal and never an exception', () => {
    const { mediaType } = bundle;
    const material = fc.record(
      { certificate: fc.jsonValue(), publicKey: fc.jsonValue(), tlogEntries: fc.jsonValue() },
      { requiredKeys: [] },
    );
    const shape = fc.record({
      mediaType: fc.constant(mediaType),
      verificationMaterial: fc.oneof(material, fc.jsonValue()),
      dsseEnvelope: fc.oneof(fc.constant(bundle.dsseEnvelope), fc.jsonValue()),
    });
    fc.assert(
      fc.property(shape, (json) => {
        expect(ask(bundled(json)).state).to.equal('unproven');
      }),
      { numRuns: 100 },
    );
  });
});
