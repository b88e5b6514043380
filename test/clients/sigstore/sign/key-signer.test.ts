import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import { openKeySigner } from '../../../../src/clients/sigstore/index.ts';
import type { PrivateKeyText } from '../../../../src/clients/sigstore/sign/private-key.ts';
import {
  digestOf,
  type KeyKind,
  type PinnedRef,
  type Signature,
  type SignatureCandidate,
} from '../../../../src/core/model/index.ts';
import type { ArtifactSigner, Statement } from '../../../../src/core/promotion/index.ts';
import type { SignedContent } from '../../../../src/core/promotion/ports.ts';
import { cosignKey, cosignKeyJson, pemOf } from '../../../support/private-keys.ts';
import { signingKey, weakKey, type SigningKey } from '../../../support/signing.ts';
import { forever } from '../../../support/verification.ts';
import { openVerifier, carrier, image, keysOnly, whyNot } from '../fixture.ts';

const web: PinnedRef = { registry: 'registry.example.com', repository: 'shop/web', digest: image };
const TESTED = 'https://acme.example.com/tests/v1';
const statement: Statement = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: 'registry.example.com/shop/web', digest: { sha256: image.slice('sha256:'.length) } }],
  predicateType: TESTED,
  predicate: { passed: 12 },
};
const KINDS: readonly KeyKind[] = ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa', 'ed25519'];

describe('signing with a key', () => {
  const ask = openVerifier();

  const open = async (text: PrivateKeyText): Promise<ArtifactSigner> => {
    const opened = await openKeySigner(text);
    if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
    return opened.value;
  };
  const problemsOf = async (text: PrivateKeyText): Promise<readonly string[]> => {
    const opened = await openKeySigner(text);
    return opened.ok ? [] : opened.problems.map(({ path }) => path);
  };
  const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

  for (const kind of KINDS) {
    it(`signs images and statements with ${kind} so that they are proven, in both forms`, async () => {
      const key = signingKey(kind);
      const signer = await open({ pem: pkcs8(key.privateKey) });
      const signed = await signer.signImage(web, { env: 'prod', build: '7' }, forever());
      const attested = await signer.signStatement(statement, forever());
      const says = { kind: 'signature', annotations: { env: 'prod', build: '7' } };
      const states = { kind: 'statement', predicateType: TESTED, predicate: { passed: 12 } };
      expect(signer.name).to.equal(key.fingerprint);
      for (const [candidate, claim] of [
        [signatureLayer(signed), says],
        [bundled(signed), says],
        [attestationLayer(attested), states],
        [bundled(attested), states],
      ] as const) {
        const proven = await ask(candidate, keysOnly(key));
        expect(proven).to.deep.include({ state: 'proven', says: claim });
        expect(signerOf(proven)).to.equal(key.fingerprint);
        expect(whyNot(await ask(candidate, keysOnly(signingKey(kind))))).to.equal('made by another key');
        expect(whyNot(await ask(candidate, keysOnly(key), other))).to.equal('about another digest');
      }
    });
  }

  it('writes the same payload, statement, hint and annotations as cosign', async () => {
    const key = signingKey();
    const signer = await open({ pem: pkcs8(key.privateKey) });
    const signed = await signer.signImage(web, { b: '2', a: '1' }, forever());
    expect(Buffer.from(signed.layer).toString()).to.equal(
      `{"critical":{"identity":{"docker-reference":"registry.example.com/shop/web"},"image":{"docker-manifest-digest":"${image}"},` +
        '"type":"cosign container image signature"},"optional":{"a":"1","b":"2"}}',
    );
    expect(Object.keys(signed.layerAnnotations)).to.deep.equal(['dev.cosignproject.cosign/signature']);
    const bundle = JSON.parse(Buffer.from(signed.bundle).toString()) as BundleJson;
    expect(bundle.mediaType).to.equal('application/vnd.dev.sigstore.bundle.v0.3+json');
    expect(bundle.verificationMaterial).to.deep.equal({
      publicKey: { hint: Buffer.from(key.fingerprint, 'hex').toString('base64') },
    });
    expect(JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString())).to.deep.equal({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: image.slice('sha256:'.length) }, annotations: { a: '1', b: '2' } }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
    });
    const attested = await signer.signStatement(statement, forever());
    expect(attested.layerAnnotations).to.deep.equal({
      'dev.cosignproject.cosign/signature': '',
      predicateType: TESTED,
    });
    expect(JSON.parse(Buffer.from(attested.layer).toString())).to.deep.equal(
      (JSON.parse(Buffer.from(attested.bundle).toString()) as BundleJson).dsseEnvelope,
    );
  });

  it('recognises what it has made in each form, and nothing made by another key or made up', async () => {
    const [ours, theirs] = await Promise.all(
      [signingKey('rsa'), signingKey()].map(({ privateKey }) => open({ pem: pkcs8(privateKey) })),
    );
    const { layer, layerAnnotations, bundle } = await ours!.signImage(web, { env: 'prod' }, forever());
    const attested = await ours!.signStatement(statement, forever());
    const records = [
      { form: 'simple-signing', payload: layer, annotations: layerAnnotations },
      { form: 'envelope', json: attested.layer },
      { form: 'bundle', json: attested.bundle },
      { form: 'bundle', json: bundle },
    ] as const;
    const madeUp = [
      { form: 'simple-signing', payload: layer, annotations: {} },
      { form: 'simple-signing', payload: Buffer.from('{}'), annotations: layerAnnotations },
      { form: 'envelope', json: attested.bundle },
      { form: 'bundle', json: Buffer.from('{}') },
    ] as const;
    expect(records.map((record) => ours?.made?.(record))).to.deep.equal([true, true, true, true]);
    expect(records.map((record) => theirs?.made?.(record))).to.deep.equal([false, false, false, false]);
    expect(madeUp.map((record) => ours?.made?.(record))).to.deep.equal([false, false, false, false]);
  });

  it('leaves out empty annotations', async () => {
    const signer = await open({ pem: pkcs8(signingKey().privateKey) });
    const { layer, bundle } = await signer.signImage(web, {}, forever());
    expect(JSON.parse(Buffer.from(layer).toString())).to.deep.include({ optional: null });
    const { payload } = (JSON.parse(Buffer.from(bundle).toString()) as BundleJson).dsseEnvelope;
    expect(Buffer.from(payload, 'base64').toString()).not.to.include('annotations');
  });

  it('opens encrypted cosign keys of both names, and of every cost that cosign accepts', async () => {
    const { privateKey, fingerprint } = signingKey();
    const password = 'correct horse';
    for (const options of [
      { password, label: 'ENCRYPTED COSIGN PRIVATE KEY' },
      { password, cost: 2 ** 16 },
      { password, cost: 2 ** 17 },
    ]) {
      expect(await open({ pem: cosignKey(privateKey, options), password })).to.include({ name: fingerprint });
    }
    expect(await open({ pem: cosignKey(privateKey) })).to.include({ name: fingerprint });
  });

  it('opens unencrypted keys of OpenSSL', async () => {
    const ec = signingKey('ecdsa-p384');
    const rsa = signingKey('rsa');
    const sec1 = ec.privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    const pkcs1 = rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    const parameters = pemOf('EC PARAMETERS', Buffer.from('06052b81040022', 'hex'));
    expect(await open({ pem: sec1 })).to.include({ name: ec.fingerprint });
    expect(await open({ pem: parameters + sec1 })).to.include({ name: ec.fingerprint });
    expect(await open({ pem: pkcs1 })).to.include({ name: rsa.fingerprint });
  });

  it('reports that the password is wrong, and shows nothing of the key', async () => {
    const pem = cosignKey(signingKey().privateKey, { password: 'right' });
    expect(await problemsOf({ pem, password: 'wrong' })).to.deep.equal(['password']);
    expect(await problemsOf({ pem })).to.deep.equal(['password']);
  });

  const key = signingKey().privateKey;
  const encrypted = cosignKeyJson(key);
  const changed = (change: object): string =>
    pemOf('ENCRYPTED SIGSTORE PRIVATE KEY', Buffer.from(JSON.stringify({ ...encrypted, ...change })));
  const scrypt = (params: object) => changed({ kdf: { ...encrypted.kdf, params } });
  const refused: Readonly<Record<string, string>> = {
    'nothing at all': '',
    'text that is no PEM': 'hunter2',
    'a public key': signingKey().pem,
    'two private keys': pkcs8(key) + pkcs8(key),
    'a key of garbage': pemOf('PRIVATE KEY', Buffer.from('garbage')),
    'a PKCS #8 key that is encrypted': key
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString(),
    'an encrypted key of garbage': pemOf('ENCRYPTED SIGSTORE PRIVATE KEY', Buffer.from('{}')),
    'an encrypted key whose cost would hold us up': scrypt({ N: 2 ** 24, r: 8, p: 1 }),
    'an encrypted key that costs next to nothing': scrypt({ N: 2, r: 8, p: 1 }),
    'an encrypted key that takes too much memory': scrypt({ N: 2 ** 16, r: 1024, p: 1 }),
    'an encrypted key that takes too many rounds': scrypt({ N: 2 ** 16, r: 8, p: 1024 }),
    'another way to derive the key': changed({ kdf: { ...encrypted.kdf, name: 'argon2' } }),
    'another cipher': changed({ cipher: { ...encrypted.cipher, name: 'aes' } }),
    'a nonce that is too short': changed({ cipher: { ...encrypted.cipher, nonce: 'AAAA' } }),
    'RSA of 1,024 bits': pkcs8(weakKey().privateKey),
    'a curve that is not verified': pkcs8(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
    'RSA-PSS': pkcs8(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey),
    'a key that cannot sign': pkcs8(generateKeyPairSync('x25519').privateKey),
    'a text without end': pkcs8(key) + ' '.repeat(64 * 1024),
  };
  for (const [what, pem] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => {
      expect(await problemsOf({ pem })).to.deep.equal(['pem']);
    });
  }

  it('repeats nothing of key or password in a problem', async () => {
    const pem = cosignKey(key, { password: 'right' });
    const answers = await Promise.all([
      openKeySigner({ pem, password: 'my secret' }),
      openKeySigner({ pem: pkcs8(key).replaceAll('PRIVATE', 'SECRET PRIVATE'), password: 'my secret' }),
    ]);
    const text = JSON.stringify(answers);
    expect(answers.every(({ ok }) => !ok)).to.be.true;
    expect(text).not.to.include('my secret');
    for (const line of pem.split('\n').filter((each) => each.length > 20 && !each.startsWith('---')))
      expect(text).not.to.include(line);
  });
});

interface BundleJson {
  readonly mediaType: string;
  readonly verificationMaterial: object;
  readonly dsseEnvelope: { readonly payload: string };
}

const other = digestOf('other');

function signatureLayer({ layer, layerAnnotations }: SignedContent): SignatureCandidate {
  return { form: 'simple-signing', digest: carrier, payload: layer, annotations: layerAnnotations };
}

function attestationLayer({ layer, layerAnnotations }: SignedContent): SignatureCandidate {
  return { form: 'envelope', digest: carrier, json: layer, annotations: layerAnnotations };
}

function bundled({ bundle }: SignedContent): SignatureCandidate {
  return { form: 'bundle', digest: carrier, json: bundle };
}

function signerOf(signature: Signature): SigningKey['fingerprint'] | undefined {
  return signature.state === 'proven' && signature.signer.kind === 'key'
    ? signature.signer.fingerprint
    : undefined;
}
