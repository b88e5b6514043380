import { expect } from 'chai';
import { verifyArtifactBundle } from '../../../../src/clients/sigstore/index.ts';
import type { ArtifactQuestion } from '../../../../src/clients/sigstore/verify/artifact-bundle.ts';
import { digestOf, type KeyKind } from '../../../../src/core/model/index.ts';
import { OPENID_ISSUER, WORKFLOW, type Certified } from '../../../support/sigstore/fulcio.ts';
import { asTrustRoot, createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import { encodeBundle, signBundle, type BundleRequest } from '../../../support/sigstore/sign.ts';
import { signingKey } from '../../../support/signing.ts';

const file = Buffer.from('the file');
const digest = digestOf(file);
const identity = { issuer: OPENID_ISSUER, subject: WORKFLOW };
const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';

describe('artifact bundle', () => {
  const key = signingKey();
  let sigstore: Sigstore;
  let maker: Certified;
  before(async () => {
    sigstore = await createSigstore();
    maker = await sigstore.certify();
  });

  const made = async (request: Partial<BundleRequest> = {}) =>
    encodeBundle(await signBundle(sigstore, { ...maker, digest, predicateType: PREDICATE_TYPE, ...request }));
  const ask = (bundle: Uint8Array, question: Partial<ArtifactQuestion> = { identity }) =>
    verifyArtifactBundle({ bundle, artifact: { bytes: file }, root: sigstore.root, ...question });
  const why = (bundle: Uint8Array, question?: Partial<ArtifactQuestion>) => {
    const answer = ask(bundle, question);
    return answer.ok ? 'ok' : answer.why;
  };
  const byKey = { key, certificate: undefined };

  for (const [title, request] of [
    ['a statement about it', {}],
    ['a signature over it', { file }],
  ] as const) {
    for (const artifact of [{ bytes: file }, { digest }]) {
      it(`proves ${title}, given ${'bytes' in artifact ? 'the file' : 'its digest'}`, async () => {
        expect(ask(await made(request), { identity, artifact })).to.deep.equal({
          ok: true,
          signer: {
            kind: 'certificate',
            root: sigstore.root.fingerprint,
            identity: { issuer: OPENID_ISSUER, subjects: [WORKFLOW], claims: {} },
          },
          signedAt: sigstore.signedAt,
        });
        expect(ask(await made({ ...request, ...byKey }), { key, artifact })).to.deep.equal({
          ok: true,
          signer: { kind: 'key', fingerprint: key.fingerprint },
          signedAt: sigstore.signedAt,
        });
      });
    }

    it(`refuses ${title} for another file`, async () => {
      const other = Buffer.from('another file');
      for (const artifact of [{ bytes: other }, { digest: digestOf(other) }])
        expect(why(await made(request), { identity, artifact })).to.match(/^about another (file|digest)$/);
    });
  }

  for (const version of ['0.1', '0.2', '0.3'] as const) {
    it(`reads v${version}`, async () => {
      expect(why(await made({ version, file }))).to.equal('ok');
    });
  }

  it('a statement may name the file by sha512', async () => {
    expect(why(await made({ digest: digestOf(file, 'sha512') }))).to.equal('ok');
  });

  it('S06: a certificate does not count as a key, and a key not as a certificate', async () => {
    expect(why(await made({ file }), { key: maker.key })).to.equal('made with a certificate, not with a key');
    expect(why(await made({ file, ...byKey }))).to.equal('made with a key, not with a certificate');
  });

  it('S06: a key together with an identity, or neither, is refused', async () => {
    for (const question of [{ key, identity }, {}])
      expect(why(await made(), question)).to.contain('either a key or an identity');
  });

  it('compares the identity literally', async () => {
    const bundle = await made();
    for (const [other, expected] of [
      [{ ...identity, subject: WORKFLOW.slice(0, -1) }, `made by ${WORKFLOW}`],
      [{ ...identity, subject: '.*' }, `made by ${WORKFLOW}`],
      [{ ...identity, issuer: `${OPENID_ISSUER}/` }, `made by an identity of ${OPENID_ISSUER}`],
    ] as const)
      expect(why(bundle, { identity: other })).to.equal(expected);
  });

  it('S09: the subject may be any of the names', async () => {
    const names = [{ email: 'dev@acme.example' }, { uri: WORKFLOW }];
    expect(why(await made({ ...(await sigstore.certify({ names })) }))).to.equal('ok');
  });

  it('requires a log entry for a certificate if the trust root has a log', async () => {
    const bundle = await made({ logged: false, timestamped: true });
    expect(why(bundle)).to.equal('in no transparency log of the trust root');
    const root = asTrustRoot({ ...sigstore.rootJson, tlogs: [] });
    expect(why(bundle, { identity, root })).to.equal('ok');
  });

  it('requires valid log entries for a key if there are any', async () => {
    expect(why(await made({ ...byKey, logged: false }), { key })).to.equal('ok');
    const loggedAs = signingKey().pem;
    expect(why(await made({ ...byKey, loggedAs }), { key })).to.equal(
      'in no transparency log of the trust root',
    );
  });

  it('refuses a wrong digest of the file, although the signature is valid', async () => {
    const bundle = await made({ ...byKey, file, logged: false, digest: digestOf('another file') });
    expect(why(bundle, { key })).to.equal('about another file');
  });

  for (const kind of ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa', 'ed25519'] satisfies KeyKind[]) {
    it(`S08: accepts ${kind} over a file`, async () => {
      const signer = signingKey(kind);
      const bundle = await made({ ...byKey, key: signer, file, logged: false });
      expect(why(bundle, { key: signer })).to.equal('ok');
      expect(why(bundle, { key: signingKey(kind) })).to.equal('made by another key');
    });
  }

  it('accepts another digest than sha256 for a file only in statements', async () => {
    const sha512 = digestOf(file, 'sha512');
    const artifact = { digest: sha512 };
    expect(why(await made({ digest: sha512 }), { identity, artifact })).to.equal('ok');
    expect(why(await made({ file }), { identity, artifact })).to.contain('by its sha256 digest');
  });

  it('S07: refuses a file that is no bundle', () => {
    for (const text of ['', '{}', 'null', '[]']) expect(why(Buffer.from(text))).to.match(/^in a bundle /);
  });
});
