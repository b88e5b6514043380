import { expect } from 'chai';
import { lentIdentity } from '../../../../src/core/promotion/opening/secrets.ts';
import { pathsOf } from '../../../support/promotions/promotions.ts';

describe('the identity token that a promotion signs with', () => {
  const identities = {
    ci: {
      file: '/tokens/ci',
      namespaces: ['platform'],
      servers: ['https://fulcio.example.com', 'https://rekor.example.com/'],
    },
  };
  const asked = (more: object = {}, namespace = 'platform') =>
    lentIdentity(
      {
        identity: 'ci',
        fulcioURL: 'https://fulcio.example.com',
        rekorURL: undefined,
        tsaURL: undefined,
        ...more,
      },
      'spec.promote.sign.keyless',
      { identities, namespace },
    );

  it('may be used in a namespace that the settings name, however the URL of a server is written', () => {
    const lent = asked({ fulcioURL: 'https://fulcio.example.com/', rekorURL: 'https://rekor.example.com' });
    expect(lent.ok && lent.value.file).to.equal('/tokens/ci');
  });

  for (const identity of ['cd', 'constructor', '__proto__', '']) {
    it(`may not be used in another namespace, with the same message as for the unknown identity "${identity}"`, () => {
      expect(asked({ identity })).to.deep.equal(asked({}, 'shop'));
      expect(pathsOf(asked({ identity }))).to.deep.equal(['spec.promote.sign.keyless.identity']);
    });
  }

  for (const [field, url] of [
    ['fulcioURL', 'https://fulcio.example.org'],
    ['rekorURL', 'https://rekor.example.com.example.org'],
    ['tsaURL', 'not a URL'],
  ] as const) {
    it(`is not sent to a server that the settings do not name for it: ${field}`, () => {
      expect(pathsOf(asked({ [field]: url }))).to.deep.equal([`spec.promote.sign.keyless.${field}`]);
    });
  }
});
