import { constants, sign } from 'node:crypto';
import { expect } from 'chai';
import { digestOf, type KeyKind, type PublicKey } from '../../../../src/core/model/index.ts';
import {
  SIGNATURE_ANNOTATION,
  signedLayer,
  signingKey,
  weakKey,
  simpleSigning,
  type SignatureLayer,
} from '../../../support/signing.ts';
import { openVerifier, carrier, image, keysOnly, whyNot } from '../fixture.ts';

const key = signingKey();
const other = signingKey();

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const by = ({ fingerprint }: PublicKey) => ({ kind: 'key', fingerprint });

describe('simple signing', () => {
  const ask = openVerifier();
  const verify = (layer: SignatureLayer, keys: readonly PublicKey[] = [key]) =>
    ask({ form: 'simple-signing', digest: carrier, ...layer }, keysOnly(...keys));

  it('proves signer and image, and names its manifest', async () => {
    expect(await verify(simpleSigning({ digest: image, key }))).to.deep.equal({
      state: 'proven',
      digest: carrier,
      signer: by(key),
      loggedBy: [],
      timestampedBy: [],
      says: { kind: 'signature', annotations: {} },
    });
  });

  it('S10: finds the one matching key among several', async () => {
    const signature = await verify(simpleSigning({ digest: image, key }), [other, key]);
    expect(signature).to.deep.include({ state: 'proven', signer: by(key) });
  });

  const kinds: readonly [KeyKind, string?][] = [
    ['ecdsa-p256'],
    ['ecdsa-p256', 'sha384'],
    ['ecdsa-p256', 'sha512'],
    ['ecdsa-p384'],
    ['ecdsa-p384', 'sha256'],
    ['ecdsa-p384', 'sha512'],
    ['ecdsa-p521'],
    ['ecdsa-p521', 'sha256'],
    ['ecdsa-p521', 'sha384'],
    ['rsa'],
    ['rsa', 'sha384'],
    ['rsa', 'sha512'],
    ['ed25519'],
  ];
  for (const [kind, hash] of kinds) {
    it(`S08: accepts ${kind} with ${hash ?? 'the hash cosign picks today'}`, async () => {
      const signer = signingKey(kind);
      const layer = simpleSigning({ digest: image, key: signer, ...(hash !== undefined && { hash }) });
      expect(await verify(layer, [signer])).to.deep.include({ state: 'proven', signer: by(signer) });
    });
  }

  for (const [kind, hash, name] of [
    ['ecdsa-p256', 'sha1', 'SHA-1'],
    ['ecdsa-p384', 'sha3-256', 'SHA3-256'],
    ['ecdsa-p521', 'sha224', 'SHA-224'],
    ['rsa', 'sha1', 'SHA-1'],
  ] as const) {
    it(`S08: refuses ${kind} with ${hash}, and names the hash`, async () => {
      const signer = signingKey(kind);
      const layer = simpleSigning({ digest: image, key: signer, hash });
      expect(whyNot(await verify(layer, [other, signer]))).to.equal(
        `made by this key with ${name}; SHA-256, SHA-384 and SHA-512 are accepted`,
      );
      expect(whyNot(await verify(layer, [other]))).to.equal('made by another key');
    });
  }

  for (const hash of ['sha256', 'sha512'] as const)
    for (const saltLength of [constants.RSA_PSS_SALTLEN_DIGEST, constants.RSA_PSS_SALTLEN_MAX_SIGN])
      it(`S08: accepts an RSA key with padding PSS, ${hash} and salt length ${saltLength}`, async () => {
        const signer = signingKey('rsa');
        const { payload } = simpleSigning({ digest: image, key: signer });
        const padding = constants.RSA_PKCS1_PSS_PADDING;
        const signature = sign(hash, payload, { key: signer.privateKey, padding, saltLength });
        const annotations = { [SIGNATURE_ANNOTATION]: signature.toString('base64') };
        expect(await verify({ payload, annotations }, [signer])).to.deep.include({
          state: 'proven',
          signer: by(signer),
        });
        expect(whyNot(await verify({ payload, annotations }, [signingKey('rsa')]))).to.equal(
          'made by another key',
        );
      });

  it('S08: refuses an RSA key that is too short, even if a policy names it', async () => {
    const weak = weakKey();
    expect(whyNot(await verify(simpleSigning({ digest: image, key: weak }), [weak]))).to.equal(
      'made by another key',
    );
  });

  it('passes on the annotations of the signer, only text values', async () => {
    const payload = json({
      critical: {
        type: 'cosign container image signature',
        image: { 'docker-manifest-digest': image },
      },
      optional: { env: 'prod', build: 7, nested: { a: 'b' } },
    });
    const signature = await verify(signedLayer(payload, key));
    expect(signature.state === 'proven' && signature.says).to.deep.equal({
      kind: 'signature',
      annotations: { env: 'prod' },
    });
  });

  it('refuses a signature by another key', async () => {
    expect(whyNot(await verify(simpleSigning({ digest: image, key: other })))).to.equal(
      'made by another key',
    );
  });

  it('refuses every signature when no key is trusted', async () => {
    expect(whyNot(await verify(simpleSigning({ digest: image, key }), []))).to.equal(
      'made by a key, where an identity by certificate is asked for',
    );
  });

  it('S03: refuses a valid signature copied from another image', async () => {
    expect(whyNot(await verify(simpleSigning({ digest: digestOf('other image'), key })))).to.equal(
      'about another digest',
    );
  });

  it('refuses a payload that was changed after signing', async () => {
    const signed = simpleSigning({ digest: digestOf('other image'), key });
    const { payload } = simpleSigning({ digest: image, key });
    expect(whyNot(await verify({ ...signed, payload }))).to.equal('made by another key');
  });

  for (const [title, annotations] of [
    ['no signature', {}],
    ['an empty signature', { [SIGNATURE_ANNOTATION]: '' }],
  ] as const) {
    it(`refuses a layer with ${title}`, async () => {
      const { payload } = simpleSigning({ digest: image, key });
      expect(whyNot(await verify({ payload, annotations }))).to.equal(
        'without a signature in its annotation',
      );
    });
  }

  it('refuses an oversized payload', async () => {
    expect(whyNot(await verify(signedLayer(Buffer.alloc(128 * 1024 + 1, ' '), key)))).to.equal(
      'with a payload of 131073 bytes',
    );
  });

  it('refuses a signature that is not base64', async () => {
    const { payload } = simpleSigning({ digest: image, key });
    const annotations = { [SIGNATURE_ANNOTATION]: '!!!' };
    expect(whyNot(await verify({ payload, annotations }))).to.equal('without a signature in its annotation');
  });

  const ours = { 'docker-manifest-digest': image };
  for (const [title, payload] of [
    ['that is not JSON', Buffer.from('signed')],
    ['that is not UTF-8', Buffer.from([0xff, 0xfe])],
    ['that is null', json(null)],
    ['without type', json({ critical: { image: ours } })],
    ['of another type', json({ critical: { type: 'atomic container signature', image: ours } })],
    ['without digest', json({ critical: { type: 'cosign container image signature', image: {} } })],
    ['nested very deeply', Buffer.from('['.repeat(10_000) + ']'.repeat(10_000))],
  ] as const) {
    it(`S07: a signed payload ${title} is a failure`, async () => {
      expect(whyNot(await verify(signedLayer(payload, key)))).to.equal('with a payload that cannot be read');
    });
  }

  it('a release statement in a signature layer is no signature', async () => {
    const payload = json({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: image.slice(7) } }],
      predicateType: 'https://pratique.dev/release/v1',
    });
    expect(whyNot(await verify(signedLayer(payload, key)))).to.equal('with a payload that cannot be read');
  });
});
