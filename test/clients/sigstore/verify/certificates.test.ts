import { expect } from 'chai';
import { type Trust } from '../../../../src/core/model/index.ts';
import { processorTime } from '../../../support/processor-time.ts';
import {
  createIssuer,
  extension,
  type Certified,
  type Issuer,
  type LeafRequest,
} from '../../../support/sigstore/fulcio.ts';
import {
  after as later,
  asTrustRoot,
  before as earlier,
  createSigstore,
  type Sigstore,
} from '../../../support/sigstore/instance.ts';
import { certificatePem, signBundle, signLayer, type Maker } from '../../../support/sigstore/sign.ts';
import { signingKey, weakKey } from '../../../support/signing.ts';
import { openVerifier, bundled, image, keysOnly, signatureLayer, whyNot } from '../fixture.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PEM = 'dev.sigstore.cosign/certificate';
const CHAIN = 'dev.sigstore.cosign/chain';

describe('certificates', () => {
  const ask = openVerifier();
  let sigstore: Sigstore;
  let trust: Trust;
  let long: { from: Date; to: Date };
  before(async () => {
    sigstore = await createSigstore();
    trust = { keys: [], roots: [sigstore.root] };
    long = { from: earlier(sigstore.signedAt, 30 * DAY_MS), to: later(sigstore.signedAt, 30 * DAY_MS) };
  });

  const layerOf = async (maker: Maker) =>
    signatureLayer(await signLayer(sigstore, { ...maker, digest: image }));
  const issued = async (request: Partial<LeafRequest>, chain?: readonly Buffer[]) =>
    ask(await layerOf({ ...(await sigstore.certify(request)), ...(chain && { chain }) }), trust);
  const intermediate = (request: Partial<Parameters<typeof createIssuer>[0]> = {}) =>
    createIssuer({ name: 'issuing', by: sigstore.authority.root, ...long, ...request });
  /** A leaf below `issuers`, the first of which is nearest to the root; all of them shipped. */
  const below = (issuers: readonly Issuer[], more: readonly Buffer[] = []) =>
    issued({ by: issuers.at(-1)! }, [...issuers.map(({ der }) => der).toReversed(), ...more]);

  it('S05: a certificate that has expired since the signing is accepted', async () => {
    const old = { from: new Date('2020-01-01'), to: new Date('2040-01-01') };
    const root = await createIssuer({ name: 'old', ...old });
    const at = new Date('2021-06-01T12:00:00Z');
    const maker = await sigstore.certify({ by: root, from: earlier(at, 60_000), to: later(at, 60_000) });
    const json = structuredClone(sigstore.rootJson);
    json.certificateAuthorities[0]!.certChain.certificates = [{ rawBytes: root.der.toString('base64') }];
    for (const part of [json.certificateAuthorities[0]!, json.tlogs[0]!.publicKey])
      part.validFor.start = old.from.toISOString();
    const layer = await signLayer(sigstore, { ...maker, digest: image, at });
    expect(await ask(signatureLayer(layer), { keys: [], roots: [asTrustRoot(json)] })).to.deep.include({
      state: 'proven',
      signedAt: at,
    });
  });

  it('S05: a certificate that was not yet valid proves nothing', async () => {
    const from = later(sigstore.signedAt, 90_000);
    expect(whyNot(await issued({ from, to: later(from, HOUR_MS) }))).to.equal(
      'made 1m 30s before its certificate became valid',
    );
  });

  it('S05: the whole chain must be valid at the proven time, also an intermediate', async () => {
    const expired = await intermediate({ to: earlier(sigstore.signedAt, 2 * HOUR_MS) });
    expect(whyNot(await below([expired]))).to.equal(
      'made when the certificate of an issuer had expired 2h before',
    );
  });

  it('S05: every proven time counts: a good log does not excuse a late timestamp', async () => {
    const maker = await sigstore.certify();
    const good = await signLayer(sigstore, { ...maker, digest: image });
    const signature = Buffer.from(good.annotations['dev.cosignproject.cosign/signature']!, 'base64');
    const late = await sigstore.timestamp(signature, later(sigstore.signedAt, HOUR_MS));
    const annotations = {
      ...good.annotations,
      'dev.sigstore.cosign/rfc3161timestamp': JSON.stringify({
        SignedRFC3161Timestamp: late.toString('base64'),
      }),
    };
    expect(whyNot(await ask(signatureLayer({ ...good, annotations }), trust))).to.equal(
      'made when its certificate had expired 55m before',
    );
  });

  it('S05: an authority counts only while the trust root trusts it', async () => {
    const json = structuredClone(sigstore.rootJson);
    json.certificateAuthorities[0]!.validFor.end = earlier(sigstore.signedAt, HOUR_MS).toISOString();
    const layer = await layerOf(await sigstore.certify());
    expect(whyNot(await ask(layer, { keys: [], roots: [asTrustRoot(json)] }))).to.equal(
      'made 1h after its authority was trusted last',
    );
  });

  it('uses an intermediate that the signer ships, in every form', async () => {
    const issuer = await intermediate();
    const maker = { ...(await sigstore.certify({ by: issuer })), chain: [issuer.der] };
    expect(await ask(await layerOf(maker), trust)).to.include({ state: 'proven' });
    for (const version of ['0.1', '0.2', '0.3'] as const) {
      const bundle = await signBundle(sigstore, { ...maker, digest: image, version });
      expect(bundle.verificationMaterial).to.have.property('x509CertificateChain');
      expect(await ask(bundled(bundle), trust)).to.include({ state: 'proven' });
    }
  });

  it('uses four intermediates', async () => {
    const issuers = await line(4);
    expect(await below(issuers)).to.include({ state: 'proven' });
  });

  it('S14: refuses five intermediates', async () => {
    expect(whyNot(await below(await line(5)))).to.equal('with 5 intermediate certificates, more than 4');
  });

  async function line(count: number): Promise<Issuer[]> {
    const issuers: Issuer[] = [];
    for (let index = 0; index < count; index++)
      issuers.push(
        await intermediate({ name: `issuing ${index}`, by: issuers.at(-1) ?? sigstore.authority.root }),
      );
    return issuers;
  }

  it('S14: a chain of 1,000 certificates is refused before it is read', async () => {
    const chain = Array<Buffer>(1_000).fill((await intermediate()).der);
    const worked = processorTime();
    const maker = { ...(await sigstore.certify()), chain };
    expect(whyNot(await ask(await layerOf(maker), trust))).to.equal(
      'with a chain of 1000 certificates, more than 8',
    );
    const bundle = await signBundle(sigstore, { ...maker, digest: image });
    expect(whyNot(await ask(bundled(bundle), trust))).to.equal(
      'with a chain of 1001 certificates, more than 8',
    );
    expect(worked()).to.be.below(2_000);
  });

  it('S14: issuers that issue each other are refused', async () => {
    const keys = { a: await intermediate({ name: 'a' }), b: await intermediate({ name: 'b' }) };
    const a = await intermediate({ name: 'a', by: keys.b, keys: keys.a.keys });
    const b = await intermediate({ name: 'b', by: keys.a, keys: keys.b.keys });
    expect(whyNot(await below([a, b]))).to.contain('no trusted authority issued');
  });

  it('S06: a root certificate from the signer is not trusted', async () => {
    const root = await createIssuer({ name: 'root', ...long });
    expect(whyNot(await issued({ by: root }, [root.der]))).to.contain('no trusted authority issued');
    const maker = { ...(await sigstore.certify({ by: root })), chain: [root.der] };
    const bundle = await signBundle(sigstore, { ...maker, digest: image, version: '0.1' });
    expect(whyNot(await ask(bundled(bundle), trust))).to.contain('no trusted authority issued');
  });

  it('the trusted root in the chain is accepted', async () => {
    const issuer = await intermediate();
    expect(await below([issuer], [sigstore.authority.root.der])).to.include({ state: 'proven' });
  });

  const poison = (critical: boolean) => extension('1.3.6.1.4.1.11129.2.4.3', critical, Buffer.from([5, 0]));
  const refusedLeaves: readonly [string, () => Partial<LeafRequest>, string][] = [
    [
      'that is not for signing code',
      () => ({ usage: ['1.3.6.1.5.5.7.3.1'] }),
      'that is not for signing code',
    ],
    ['for no purpose at all', () => ({ usage: [] }), 'that is not for signing code'],
    ['over a key that is too short', () => ({ key: weakKey() }), 'over a kind of key that is not accepted'],
    ['that is a precertificate', () => ({ extensions: [poison(true)] }), 'critical extension'],
    ['without OpenID issuer', () => ({ issuer: null }), 'names no OpenID issuer'],
    ['without any name', () => ({ names: [] }), 'names no subject'],
  ];
  for (const [title, request, why] of refusedLeaves) {
    it(`refuses a certificate ${title}`, async () => {
      expect(whyNot(await issued(request()))).to.contain(why);
    });
  }

  it('S06: refuses the certificate of an authority, even of the trusted one', async () => {
    const { der } = sigstore.authority.root;
    const layer = await layerOf({ key: signingKey(), certificate: der });
    expect(whyNot(await ask(layer, trust))).to.equal('with the certificate of an authority');
  });

  const refusedIssuers: readonly [string, () => Promise<readonly Issuer[]>][] = [
    ['that is no authority', async () => [await intermediate({ isAuthority: false })]],
    ['for another purpose', async () => [await intermediate({ extensions: [serverUse()] })]],
    ['with an unknown critical extension', async () => [await intermediate({ extensions: [poison(true)] })]],
    [
      'beyond the path length of the one above',
      async () => {
        const above = await intermediate({ name: 'above', pathLength: 0 });
        return [above, await intermediate({ name: 'below', by: above })];
      },
    ],
  ];
  for (const [title, issuers] of refusedIssuers) {
    it(`refuses an issuer ${title}`, async () => {
      expect(whyNot(await below(await issuers()))).to.contain('no trusted authority issued');
    });
  }

  describe('certificate log', () => {
    it('is required when the trust root has one', async () => {
      expect(whyNot(await issued({ log: undefined }))).to.equal(
        'made with a certificate that is in no certificate log',
      );
    });

    it('must be in the trust root', async () => {
      const json = { ...sigstore.rootJson, ctlogs: (await createSigstore()).rootJson.ctlogs };
      const layer = await layerOf(await sigstore.certify());
      expect(whyNot(await ask(layer, { keys: [], roots: [asTrustRoot(json)] }))).to.equal(
        'made with a certificate whose certificate log cannot be trusted',
      );
    });

    it('is not required when the trust root has none, whether the certificate has an SCT or not', async () => {
      const roots = [asTrustRoot({ ...sigstore.rootJson, ctlogs: [] })];
      for (const request of [{}, { log: undefined }]) {
        const layer = await layerOf(await sigstore.certify(request));
        expect(await ask(layer, { keys: [], roots })).to.include({ state: 'proven' });
      }
    });
  });

  describe('a key or certificate in the wrong place', () => {
    let maker: Certified;
    before(async () => {
      maker = await sigstore.certify();
    });
    const withAnnotation = async (name: string, value: string, given = trust) => {
      const layer = await signLayer(sigstore, { ...maker, digest: image });
      return whyNot(
        await ask(signatureLayer({ ...layer, annotations: { ...layer.annotations, [name]: value } }), given),
      );
    };

    it('S06: a bare public key in the certificate annotation is not trusted for its presence', async () => {
      const { pem } = maker.key;
      for (const given of [trust, keysOnly(maker.key)])
        expect(await withAnnotation(PEM, pem, given)).to.equal(
          'with a public key where its certificate belongs',
        );
    });

    it('S06: a bare public key in the certificate of a bundle is not trusted for its presence', async () => {
      const key = signingKey();
      const der = Buffer.from(key.pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
      const bundle = await signBundle(sigstore, { key, certificate: der, loggedAs: key.pem, digest: image });
      for (const given of [trust, keysOnly(key)])
        expect(whyNot(await ask(bundled(bundle), given))).to.equal(
          'with a public key where its certificate belongs',
        );
    });

    it('S06: two concatenated certificates do not count as the first of them', async () => {
      const two = certificatePem(maker.certificate) + certificatePem((await intermediate()).der);
      expect(await withAnnotation(PEM, two)).to.equal('with several certificates where its own one belongs');
    });

    it('garbage is no certificate', async () => {
      expect(await withAnnotation(PEM, 'garbage')).to.equal('with a certificate that cannot be read');
      expect(await withAnnotation(PEM, certificatePem(Buffer.from('garbage')))).to.equal(
        'with a certificate that cannot be read',
      );
      expect(await withAnnotation(CHAIN, certificatePem(Buffer.from('garbage')))).to.equal(
        'with a chain that cannot be read',
      );
    });
  });
});

/** Extended key usage "server". */
function serverUse(): ReturnType<typeof extension> {
  return extension('2.5.29.37', false, Buffer.from('300a06082b06010505070301', 'hex'));
}
