import { expect } from 'chai';
import {
  digestOf,
  type Digest,
  type KeyKind,
  type PublicKey,
  type Signature,
} from '../../../../src/core/model/index.ts';
import {
  dsseBundle,
  SIGN_PREDICATE_TYPE,
  signingKey,
  signWith,
  statement,
  statementBundle,
} from '../../../support/signing.ts';
import { openVerifier, carrier, image, keysOnly, whyNot } from '../fixture.ts';

const RELEASE = 'https://pratique.dev/release/v1';
const key = signingKey();
const other = signingKey();

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const says = (signature: Signature) => signature.state === 'proven' && signature.says;
const by = ({ fingerprint }: PublicKey) => ({ kind: 'key', fingerprint });

interface Wire {
  mediaType?: unknown;
  verificationMaterial: Record<string, unknown>;
  dsseEnvelope?: { payload: string; payloadType: string; signatures: { sig: string; keyid: string }[] };
  messageSignature?: unknown;
}

/** A good bundle, changed by `change` after it was signed. */
function changed(change: (bundle: Wire) => void): Uint8Array {
  const bundle = JSON.parse(
    Buffer.from(statementBundle({ digest: image, key, predicateType: SIGN_PREDICATE_TYPE })).toString(),
  ) as Wire;
  change(bundle);
  return json(bundle);
}

describe('bundle', () => {
  const ask = openVerifier();
  const verify = (bundle: Uint8Array, keys = [key], digest: Digest = image) =>
    ask({ form: 'bundle', digest: carrier, json: bundle }, keysOnly(...keys), digest);

  it('proves signer and image, and names its manifest', async () => {
    const annotations = { env: 'prod' };
    const bundle = statementBundle({ digest: image, key, predicateType: SIGN_PREDICATE_TYPE, annotations });
    expect(await verify(bundle)).to.deep.equal({
      state: 'proven',
      digest: carrier,
      signer: by(key),
      loggedBy: [],
      timestampedBy: [],
      says: { kind: 'signature', annotations },
    });
  });

  for (const kind of ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa', 'ed25519'] satisfies KeyKind[]) {
    it(`S08: accepts ${kind}`, async () => {
      const signer = signingKey(kind);
      const bundle = statementBundle({ digest: image, key: signer, predicateType: SIGN_PREDICATE_TYPE });
      expect(await verify(bundle, [key, signer])).to.deep.include({ state: 'proven', signer: by(signer) });
    });
  }

  for (const mediaType of [
    'application/vnd.dev.sigstore.bundle+json;version=0.1',
    'application/vnd.dev.sigstore.bundle+json;version=0.2',
    'application/vnd.dev.sigstore.bundle+json;version=0.3',
    'application/vnd.dev.sigstore.bundle.v0.3+json',
  ]) {
    it(`reads ${mediaType}`, async () => {
      expect(await verify(changed((bundle) => (bundle.mediaType = mediaType)))).to.include({
        state: 'proven',
      });
    });
  }

  it('accepts a sha512 digest', async () => {
    const digest = digestOf('image', 'sha512');
    const bundle = statementBundle({ digest, key, predicateType: SIGN_PREDICATE_TYPE });
    expect(await verify(bundle, [key], digest)).to.include({ state: 'proven' });
  });

  it('a release statement is a statement and never a signature', async () => {
    const bundle = statementBundle({ digest: image, key, predicateType: RELEASE, predicate: { by: 'team' } });
    expect(says(await verify(bundle))).to.deep.equal({
      kind: 'statement',
      predicateType: RELEASE,
      predicate: { by: 'team' },
    });
  });

  it('a signature is a signature and never a release, whatever its predicate says', async () => {
    const predicate = { predicateType: RELEASE };
    const bundle = statementBundle({ digest: image, key, predicateType: SIGN_PREDICATE_TYPE, predicate });
    expect(says(await verify(bundle))).to.deep.equal({ kind: 'signature', annotations: {} });
  });

  it('S02: a statement of any other type is reported as that type', async () => {
    const predicateType = 'https://slsa.dev/provenance/v1';
    const read = says(await verify(statementBundle({ digest: image, key, predicateType })));
    expect(read).to.include({ kind: 'statement', predicateType });
  });

  it('S03: one of several subjects is sufficient if it is the image', async () => {
    const subject = [digestOf('a'), image].map((one) => ({ digest: { sha256: one.slice(7) } }));
    const body = { _type: 'https://in-toto.io/Statement/v0.1', subject, predicateType: SIGN_PREDICATE_TYPE };
    expect(await verify(dsseBundle({ payload: json(body), key }))).to.include({ state: 'proven' });
  });
});

describe('bundle, refused', () => {
  const ask = openVerifier();
  const verify = (bundle: Uint8Array) =>
    ask({ form: 'bundle', digest: carrier, json: bundle }, keysOnly(key));

  const signed = (payload: Uint8Array, payloadType?: string) =>
    dsseBundle({ payload, key, ...(payloadType !== undefined && { payloadType }) });
  const ours = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: image.slice(7) } }],
  };
  const good = { ...ours, predicateType: SIGN_PREDICATE_TYPE };

  const signedBy = (signer: typeof key, digest = image) =>
    statementBundle({ digest, key: signer, predicateType: SIGN_PREDICATE_TYPE });

  const table: readonly [title: string, bundle: Uint8Array, why: string][] = [
    ['by another key', signedBy(other), 'made by another key'],
    ['S02: about another digest', signedBy(key, digestOf('other')), 'about another digest'],
    [
      'S02: about the same hex under another algorithm',
      signed(json({ ...good, subject: [{ digest: { sha512: image.slice(7) } }] })),
      'about another digest',
    ],
    ['about nothing', signed(json({ ...good, subject: [] })), 'about another digest'],
    [
      'with a payload changed after signing',
      changed(({ dsseEnvelope }) => {
        const payload = statement({ digest: image, predicateType: RELEASE });
        dsseEnvelope!.payload = Buffer.from(payload).toString('base64');
      }),
      'made by another key',
    ],
    [
      'with a payload type changed after signing',
      changed(({ dsseEnvelope }) => (dsseEnvelope!.payloadType = 'text/plain')),
      'over something that is no in-toto statement',
    ],
    [
      'over something that is no in-toto statement',
      signed(json(good), 'application/json'),
      'over something that is no in-toto statement',
    ],
    [
      'of a version that is not known (v0.4)',
      changed((bundle) => (bundle.mediaType = 'application/vnd.dev.sigstore.bundle.v0.4+json')),
      'in a bundle of an unknown version',
    ],
    ['of no version', changed((bundle) => delete bundle.mediaType), 'in a bundle of an unknown version'],
    [
      'with two signatures in one envelope',
      changed(({ dsseEnvelope }) => dsseEnvelope!.signatures.push({ sig: 'AAAA', keyid: '' })),
      'with 2 signatures in one envelope',
    ],
    [
      'with no signature in its envelope',
      changed(({ dsseEnvelope }) => dsseEnvelope!.signatures.splice(0)),
      'with 0 signatures in one envelope',
    ],
    [
      'S06: with garbage for a certificate',
      changed((bundle) => (bundle.verificationMaterial = { certificate: { rawBytes: 'AAAA' } })),
      'with a certificate that cannot be read',
    ],
    [
      'S06: with garbage for a chain of certificates',
      changed((bundle) => {
        bundle.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.2';
        const chain = { certificates: [{ rawBytes: 'AAAA' }] };
        bundle.verificationMaterial = { x509CertificateChain: chain };
      }),
      'with a certificate that cannot be read',
    ],
    [
      'over a file (message signature)',
      changed((bundle) => {
        delete bundle.dsseEnvelope;
        const messageDigest = { algorithm: 'SHA2_256', digest: Buffer.from(image.slice(7), 'hex') };
        const signature = signWith(key, Buffer.from('image')).toString('base64');
        bundle.messageSignature = {
          messageDigest: { ...messageDigest, digest: messageDigest.digest.toString('base64') },
          signature,
        };
      }),
      'over a file, not over an image',
    ],
    [
      'without any content',
      changed((bundle) => delete bundle.dsseEnvelope),
      'in a bundle that cannot be read',
    ],
    ['that is not JSON', Buffer.from('{'), 'in a bundle that is not JSON'],
    ['that is null', json(null), 'in a bundle that is not JSON'],
    [
      'that is nested very deeply',
      Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)),
      'in a bundle that is not JSON',
    ],
    ['S07: with a payload that is not JSON', signed(Buffer.from('yes')), 'a statement that cannot be read'],
    ['S07: with an empty payload', signed(json({})), 'a statement that cannot be read'],
    ['S07: with a statement without type', signed(json(ours)), 'a statement that cannot be read'],
    [
      'S07: with a statement of an unknown version',
      signed(json({ ...good, _type: 'https://in-toto.io/Statement/v9' })),
      'a statement that cannot be read',
    ],
    [
      'with more subjects than are looked at',
      signed(json({ ...good, subject: Array(1_025).fill(ours.subject[0]) })),
      'a statement that cannot be read',
    ],
  ];
  for (const [title, bundle, expected] of table) {
    it(`refuses a bundle ${title}`.replace(/^(refuses a bundle )(S\d\d: )/, '$2$1'), async () => {
      expect(whyNot(await verify(bundle))).to.equal(expected);
    });
  }
});
