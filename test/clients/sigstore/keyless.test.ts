import { expect } from 'chai';
import { digestOf, type SignatureCandidate, type Trust } from '../../../src/core/model/index.ts';
import { OPENID_ISSUER, WORKFLOW, type Certified } from '../../support/sigstore/fulcio.ts';
import { asTrustRoot, createSigstore, type Sigstore } from '../../support/sigstore/instance.ts';
import {
  signBundle,
  signEnvelope,
  signLayer,
  type BundleVersion,
  type SignRequest,
} from '../../support/sigstore/sign.ts';
import { signingKey } from '../../support/signing.ts';
import { openSignatureVerifier } from '../../support/threads.ts';
import {
  openVerifier,
  attestationLayer,
  bundled,
  carrier,
  image,
  signatureLayer,
  whyNot,
} from './fixture.ts';

const RELEASE = 'https://pratique.dev/release/v1';
const VERSIONS: readonly BundleVersion[] = ['0.1', '0.2', '0.3'];

type Sign = (request: Partial<SignRequest>) => Promise<SignatureCandidate>;

describe('keyless', () => {
  const ask = openVerifier();
  let sigstore: Sigstore;
  let maker: Certified;
  let trust: Trust;
  before(async () => {
    sigstore = await createSigstore();
    maker = await sigstore.certify();
    trust = { keys: [signingKey()], roots: [sigstore.root] };
  });

  const forms: readonly [string, Sign][] = [
    [
      'a .sig layer',
      async (r) => signatureLayer(await signLayer(sigstore, { ...maker, digest: image, ...r })),
    ],
    [
      'an .att layer',
      async (r) => attestationLayer(await signEnvelope(sigstore, { ...maker, digest: image, ...r })),
    ],
    ...VERSIONS.map((version): [string, Sign] => [
      `a bundle v${version}`,
      async (r) => bundled(await signBundle(sigstore, { ...maker, digest: image, version, ...r })),
    ]),
  ];

  for (const [title, sign] of forms) {
    describe(title, () => {
      it('proves signer, image and time, and names the log', async () => {
        const { fingerprint } = sigstore.root;
        expect(await ask(await sign({}), trust)).to.deep.equal({
          state: 'proven',
          digest: carrier,
          signer: {
            kind: 'certificate',
            root: fingerprint,
            identity: { issuer: OPENID_ISSUER, subjects: [WORKFLOW], claims: {} },
          },
          loggedBy: [fingerprint],
          timestampedBy: [],
          signedAt: sigstore.signedAt,
          says: { kind: 'signature', annotations: {} },
        });
      });

      it('is accepted with a timestamp instead of a log entry', async () => {
        const signature = await ask(await sign({ logged: false, timestamped: true }), trust);
        expect(signature).to.deep.include({
          state: 'proven',
          loggedBy: [],
          timestampedBy: [sigstore.root.fingerprint],
          signedAt: sigstore.signedAt,
        });
      });

      it('S05: proves nothing without a proven time', async () => {
        const signature = await ask(await sign({ logged: false }), trust);
        expect(whyNot(signature)).to.equal('made with a certificate, at no proven time');
      });

      it('S03: proves nothing about another image', async () => {
        expect(whyNot(await ask(await sign({}), trust, digestOf('other')))).to.equal('about another digest');
      });

      it('S06: proves nothing when only keys are trusted, even its own', async () => {
        const keys = { keys: [maker.key], roots: [] };
        expect(whyNot(await ask(await sign({}), keys))).to.equal(
          'made with a certificate, and no authority trusts one',
        );
      });

      it('S06: is attributed to its certificate, even when its key is trusted too', async () => {
        const signature = await ask(await sign({}), { keys: [maker.key], roots: [sigstore.root] });
        expect(signature.state === 'proven' && signature.signer.kind).to.equal('certificate');
      });

      it('proves nothing with a certificate of another Sigstore, and names the claimed identity', async () => {
        const elsewhere = { keys: [], roots: [(await createSigstore()).root] };
        expect(whyNot(await ask(await sign({}), elsewhere))).to.equal(
          'made with a certificate that no trusted authority issued, ' +
            `it claims to be ${WORKFLOW} of ${OPENID_ISSUER}`,
        );
      });

      it('S05: proves nothing when its certificate had expired at the time of signing', async () => {
        const at = new Date(sigstore.signedAt.getTime() + 20 * 60_000);
        for (const seen of [{ at }, { at, logged: false, timestamped: true } as const])
          expect(whyNot(await ask(await sign(seen), trust))).to.equal(
            'made when its certificate had expired 15m before',
          );
      });

      it('is refused when it was signed by another key than that of its certificate', async () => {
        const signature = await ask(await sign({ key: signingKey() }), trust);
        expect(whyNot(signature)).to.equal('made by another key than that of its certificate');
      });
    });
  }

  for (const kind of ['ecdsa-p384', 'ecdsa-p521', 'rsa', 'ed25519'] as const) {
    it(`S08: accepts a certificate over ${kind}`, async () => {
      const one = await sigstore.certify({ keyKind: kind });
      const layer = await signLayer(sigstore, { ...one, digest: image });
      expect(await ask(signatureLayer(layer), trust)).to.include({ state: 'proven' });
    });
  }

  it('S02: a statement of another type is reported as that type, never as a signature', async () => {
    const layer = await signEnvelope(sigstore, { ...maker, digest: image, predicateType: RELEASE });
    const signature = await ask(attestationLayer(layer), trust);
    expect(signature.state === 'proven' && signature.says).to.include({ predicateType: RELEASE });
  });

  it('is proven once per trust root that accepts it', async () => {
    const twin = { ...sigstore.rootJson, note: 'the same authorities in another file' };
    const verifier = openSignatureVerifier({ threads: 1 });
    const roots = [sigstore.root, asTrustRoot(twin)];
    const layer = signatureLayer(await signLayer(sigstore, { ...maker, digest: image }));
    const answers = await verifier.verify(layer, image, { keys: [], roots });
    await verifier.close();
    const names = roots.map(({ fingerprint }) => fingerprint);
    expect(
      answers.map((one) => one.state === 'proven' && one.signer.kind === 'certificate' && one.signer.root),
    ).to.deep.equal(names);
    for (const one of answers) expect(one).to.deep.include({ loggedBy: names });
  });
});
