import { expect } from 'chai';
import { pathsOf, settingsOf } from './settings.ts';

describe('the settings of signing', () => {
  it('name no identity by default', () => {
    expect(settingsOf({}).signing).to.deep.equal({ identityTokens: {} });
  });

  it('are kept as they are written', () => {
    const signing = { identityTokens: { sigstore: '/var/run/sigstore/token' } };
    expect(settingsOf({ signing }).signing).to.deep.equal(signing);
  });

  const wrong: readonly [string, unknown, string][] = [
    ['an unknown key', { tokens: {} }, 'signing'],
    ['a file without a name', { identityTokens: { sigstore: '' } }, 'signing.identityTokens.sigstore'],
    ['a name in capitals', { identityTokens: { Sigstore: 't' } }, 'signing.identityTokens.Sigstore'],
  ];
  for (const [what, signing, path] of wrong) {
    it(`refuse ${what}`, () => expect(pathsOf({ signing })).to.deep.equal([path]));
  }
});
