import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import { signEnvelope } from '../../../support/sigstore/sign.ts';
import { signingKey, statement } from '../../../support/signing.ts';
import { openVerifier, attestationLayer, image, keysOnly, whyNot } from '../fixture.ts';

const RELEASE = 'https://pratique.dev/release/v1';

interface EnvelopeJson {
  payload?: unknown;
  payloadType?: unknown;
  signatures: unknown[];
}

describe('envelope', () => {
  const ask = openVerifier();
  const key = signingKey();
  let sigstore: Sigstore;
  before(async () => {
    sigstore = await createSigstore();
  });
  const request = { key, digest: image, logged: false, predicateType: RELEASE } as const;

  it('proves a statement by a key', async () => {
    const layer = await signEnvelope(sigstore, { ...request, predicate: { by: 'team' } });
    expect(await ask(attestationLayer(layer), keysOnly(key))).to.deep.include({
      state: 'proven',
      signer: { kind: 'key', fingerprint: key.fingerprint },
      says: { kind: 'statement', predicateType: RELEASE, predicate: { by: 'team' } },
    });
  });

  for (const kind of ['ecdsa-p384', 'ecdsa-p521', 'rsa', 'ed25519'] as const) {
    it(`S08: accepts ${kind}`, async () => {
      const signer = signingKey(kind);
      const layer = await signEnvelope(sigstore, { ...request, key: signer });
      expect(await ask(attestationLayer(layer), keysOnly(signer))).to.include({ state: 'proven' });
    });
  }

  it('S03: proves nothing about another image, whatever key signed it', async () => {
    const layer = await signEnvelope(sigstore, { ...request, digest: digestOf('other') });
    expect(whyNot(await ask(attestationLayer(layer), keysOnly(key)))).to.equal('about another digest');
  });

  const changes: readonly [string, (envelope: EnvelopeJson) => unknown, string][] = [
    [
      'another payload',
      (one) => (one.payload = base64(statement({ digest: image, predicateType: 'x' }))),
      'made by another key',
    ],
    [
      'another payload type',
      (one) => (one.payloadType = 'text/plain'),
      'over something that is no in-toto statement',
    ],
    ['two signatures', (one) => one.signatures.push(one.signatures[0]), 'with 2 signatures in one envelope'],
    ['no signature', (one) => one.signatures.pop(), 'with 0 signatures in one envelope'],
    ['no payload', (one) => delete one.payload, 'in an envelope that cannot be read'],
  ];
  for (const [what, change, why] of changes) {
    it(`refuses an envelope with ${what}`, async () => {
      const layer = await signEnvelope(sigstore, request);
      const envelope = JSON.parse(layer.bytes.toString()) as EnvelopeJson;
      change(envelope);
      const bytes = Buffer.from(JSON.stringify(envelope));
      expect(whyNot(await ask(attestationLayer({ ...layer, bytes }), keysOnly(key)))).to.equal(why);
    });
  }

  it('S07: refuses a payload that cannot be read, although it is signed', async () => {
    const layer = await signEnvelope(sigstore, { ...request, payload: Buffer.from('yes') });
    expect(whyNot(await ask(attestationLayer(layer), keysOnly(key)))).to.equal(
      'a statement that cannot be read',
    );
  });

  it('S07: refuses bytes that are no envelope', async () => {
    for (const text of ['', '{}', 'null', '[]'])
      expect(
        whyNot(await ask(attestationLayer({ bytes: Buffer.from(text), annotations: {} }), keysOnly(key))),
      ).to.equal('in an envelope that cannot be read');
  });

  it('refuses an oversized envelope before it is read', async () => {
    const bytes = Buffer.alloc(44 * 1024 * 1024 + 1);
    expect(whyNot(await ask(attestationLayer({ bytes, annotations: {} }), keysOnly(key)))).to.equal(
      'in an envelope of 46137345 bytes',
    );
  });
});

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
