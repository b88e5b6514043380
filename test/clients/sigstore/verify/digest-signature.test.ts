import { createHash, createPublicKey, randomBytes, sign } from 'node:crypto';
import { expect } from 'chai';
import { verifyDigest } from '../../../../src/clients/sigstore/verify/key-signature.ts';
import { signingKey } from '../../../support/signing.ts';

describe('signature over a digest', () => {
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

  for (const kind of ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa'] as const) {
    it(`agrees with OpenSSL about ${kind}`, () => {
      for (let round = 0; round < 2; round++) {
        const { pem, privateKey } = signingKey(kind);
        const key = createPublicKey(pem);
        const data = randomBytes(64);
        const signature = sign('sha256', data, privateKey);
        expect(verifyDigest(hash(data), key, signature)).to.equal(true);
        expect(verifyDigest(hash(randomBytes(64)), key, signature)).to.equal(false);
        expect(verifyDigest(hash(data), createPublicKey(signingKey(kind).pem), signature)).to.equal(false);
        const changed = Buffer.from(signature);
        changed[changed.length - 1]! ^= 1;
        expect(verifyDigest(hash(data), key, changed)).to.equal(false);
      }
    });
  }

  it('refuses bytes that are no signature', () => {
    const key = createPublicKey(signingKey().pem);
    const zero = Buffer.from('3006020100020100', 'hex');
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    const large = Buffer.from(`3046022100${order}022100${order}`, 'hex');
    const three = Buffer.from('3009020101020101020101', 'hex');
    for (const signature of [Buffer.alloc(0), Buffer.from('garbage'), zero, large, three])
      expect(verifyDigest(hash(Buffer.from('x')), key, signature)).to.equal(false);
  });

  it('refuses Ed25519, which signs no digest', () => {
    const { pem, privateKey } = signingKey('ed25519');
    const data = hash(Buffer.from('x'));
    expect(verifyDigest(data, createPublicKey(pem), sign(null, data, privateKey))).to.equal(false);
  });
});
