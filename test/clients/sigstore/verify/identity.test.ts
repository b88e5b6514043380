import { expect } from 'chai';
import type { CertificateIdentity, Trust } from '../../../../src/core/model/index.ts';
import { OPENID_ISSUER, WORKFLOW, type LeafRequest } from '../../../support/sigstore/fulcio.ts';
import { createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import { signLayer } from '../../../support/sigstore/sign.ts';
import { openVerifier, image, signatureLayer, whyNot } from '../fixture.ts';

describe('identity of a certificate', () => {
  const ask = openVerifier();
  let sigstore: Sigstore;
  let trust: Trust;
  before(async () => {
    sigstore = await createSigstore();
    trust = { keys: [], roots: [sigstore.root] };
  });

  async function identityOf(request: Partial<LeafRequest>): Promise<CertificateIdentity | string> {
    const layer = await signLayer(sigstore, { ...(await sigstore.certify(request)), digest: image });
    const signature = await ask(signatureLayer(layer), trust);
    return signature.state === 'proven' && signature.signer.kind === 'certificate'
      ? signature.signer.identity
      : whyNot(signature);
  }

  it('S09: has every name, in the order of the certificate', async () => {
    const names = [{ email: 'dev@acme.example' }, { uri: WORKFLOW }, { other: 'robot!acme.example' }];
    expect(await identityOf({ names })).to.deep.include({
      subjects: ['dev@acme.example', WORKFLOW, 'robot!acme.example'],
    });
  });

  it('S09: leaves out other names of a kind it does not know', async () => {
    const names = [{ other: WORKFLOW, oid: '1.3.6.1.4.1.311.20.2.3' }, { email: 'dev@acme.example' }];
    expect(await identityOf({ names })).to.deep.include({ subjects: ['dev@acme.example'] });
  });

  it('S09: reads names that are not ASCII unchanged', async () => {
    const identity = await identityOf({ names: [{ email: 'áddy@acme.example' }] });
    expect(identity).to.deep.include({ subjects: ['áddy@acme.example'] });
  });

  it('S09: reads the issuer from the new extension, or from the old one when there is no new one', async () => {
    const oldIssuer = 'https://old.acme.example';
    expect(await identityOf({ oldIssuer })).to.include({ issuer: OPENID_ISSUER });
    expect(await identityOf({ oldIssuer, issuer: null })).to.include({ issuer: oldIssuer });
  });

  it('has the claims that policies can require, by their names, and no other', async () => {
    const numbers = [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];
    const claims = Object.fromEntries(numbers.map((number) => [number, `value ${number}`]));
    expect(await identityOf({ claims })).to.deep.include({
      claims: {
        buildSignerURI: 'value 9',
        buildSignerDigest: 'value 10',
        runnerEnvironment: 'value 11',
        sourceRepository: 'value 12',
        sourceRepositoryDigest: 'value 13',
        sourceRepositoryRef: 'value 14',
        sourceRepositoryIdentifier: 'value 15',
        sourceRepositoryOwner: 'value 16',
        sourceRepositoryOwnerIdentifier: 'value 17',
        buildConfigURI: 'value 18',
        buildConfigDigest: 'value 19',
        buildTrigger: 'value 20',
        runInvocationURI: 'value 21',
        sourceRepositoryVisibilityAtSigning: 'value 22',
      },
    });
  });
});
