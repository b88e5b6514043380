import { expect } from 'chai';
import { pathsOf, settingsOf } from './settings.ts';

const LENT = {
  file: '/var/run/sigstore/token',
  servers: ['https://fulcio.example.com'],
  namespaces: ['platform'],
};

describe('the settings of signing', () => {
  it('name no identity by default', () => {
    expect(settingsOf({}).signing).to.deep.equal({ identityTokens: {} });
  });

  it('are kept as they are written', () => {
    const signing = { identityTokens: { sigstore: LENT } };
    expect(settingsOf({ signing }).signing).to.deep.equal(signing);
  });

  const wrong: readonly [string, unknown, string][] = [
    ['an unknown key', { tokens: {} }, 'signing'],
    [
      'a file without a name',
      { identityTokens: { sigstore: { ...LENT, file: '' } } },
      'signing.identityTokens.sigstore.file',
    ],
    ['a name in capitals', { identityTokens: { Sigstore: LENT } }, 'signing.identityTokens.Sigstore'],
    [
      'a token that may go nowhere',
      { identityTokens: { sigstore: { ...LENT, servers: [] } } },
      'signing.identityTokens.sigstore.servers',
    ],
    [
      'an authority that is no address',
      { identityTokens: { sigstore: { ...LENT, servers: ['fulcio'] } } },
      'signing.identityTokens.sigstore.servers[0]',
    ],
    [
      'a token without a namespace that may use it',
      { identityTokens: { sigstore: { ...LENT, namespaces: [] } } },
      'signing.identityTokens.sigstore.namespaces',
    ],
  ];
  for (const [what, signing, path] of wrong) {
    it(`refuse ${what}`, () => expect(pathsOf({ signing })).to.deep.equal([path]));
  }
});
