import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { exportSPKI } from 'jose';
import { createTokenVerifier } from '../../../src/clients/oidc/index.ts';
import type { TokenTrust } from '../../../src/core/model/index.ts';
import { compact, namedKey, sign, startIssuer, type Issuer, type NamedKey } from './issuer.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const SECONDS = NOW.getTime() / 1_000;
const SUBJECT = 'repo:acme/shop:ref:refs/heads/main';

describe('createTokenVerifier', () => {
  let key: NamedKey;
  let rsa: NamedKey;
  let stranger: NamedKey;
  let issuer: Issuer;
  let trust: TokenTrust;
  before(async () => {
    key = await namedKey('ec');
    rsa = await namedKey('rsa', 'RS256');
    stranger = await namedKey('ec');
    issuer = await startIssuer([key.jwk, rsa.jwk]);
    trust = { issuer: issuer.url, audience: 'pratique', subject: SUBJECT };
  });
  after(() => issuer.close());

  const claims = (change: object = {}) => ({
    iss: issuer.url,
    aud: 'pratique',
    sub: SUBJECT,
    iat: SECONDS - 10,
    exp: SECONDS + 600,
    ...change,
  });
  const verify = async (token: string, of = trust) => {
    const verdict = await createTokenVerifier({ clock: () => NOW })(token, of, AbortSignal.timeout(50_000));
    return verdict.ok ? 'good' : verdict.why;
  };

  it('accepts a token of the issuer with our audience and the expected subject', async () => {
    expect(await verify(await sign(key, claims()))).to.equal('good');
    expect(await verify(await sign(rsa, claims()))).to.equal('good');
    expect(await verify(await sign(key, claims({ aud: ['others', 'pratique'] })))).to.equal('good');
  });

  for (const alg of ['PS256', 'ES384', 'EdDSA']) {
    it(`accepts a signature by ${alg}`, async () => {
      const other = await namedKey('other', alg);
      const second = await startIssuer([other.jwk]);
      const token = await sign(other, claims({ iss: second.url }));
      expect(await verify(token, { ...trust, issuer: second.url })).to.equal('good');
      await second.close();
    });
  }

  const wrong: readonly [string, () => object, string][] = [
    ['another audience', () => ({ aud: 'others' }), 'audience'],
    ['an audience that begins like ours', () => ({ aud: 'pratique-staging' }), 'audience'],
    ['no audience', () => ({ aud: undefined }), 'audience'],
    ['another subject', () => ({ sub: 'repo:acme/shop:ref:refs/heads/fork' }), 'subject'],
    ['no subject', () => ({ sub: undefined }), 'subject'],
    ['another issuer', () => ({ iss: 'https://evil.example.com' }), 'issuer'],
    ['the issuer with a slash', () => ({ iss: `${issuer.url}/` }), 'issuer'],
    ['no issuer', () => ({ iss: undefined }), 'issuer'],
    ['a lifetime that is over', () => ({ exp: SECONDS - 31 }), 'expired'],
    ['no end of its lifetime', () => ({ exp: undefined }), 'lifetime'],
    ['a lifetime that has not begun', () => ({ nbf: SECONDS + 31 }), 'lifetime'],
  ];
  for (const [what, change, why] of wrong) {
    it(`refuses a token with ${what}`, async () => {
      expect(await verify(await sign(key, claims(change())))).to.equal(why);
    });
  }

  it('accepts clocks that differ by half a minute', async () => {
    expect(await verify(await sign(key, claims({ exp: SECONDS - 29, nbf: SECONDS + 29 })))).to.equal('good');
  });

  it('refuses a signature by a key of the same name that is not the issuer’s', async () => {
    expect(await verify(await sign(stranger, claims()))).to.equal('signature');
  });

  it('refuses claims that were changed after they were signed', async () => {
    const [header, , signature] = (await sign(key, claims({ sub: 'another' }))).split('.');
    const changed = Buffer.from(JSON.stringify(claims())).toString('base64url');
    expect(await verify([header, changed, signature].join('.'))).to.equal('signature');
  });

  it('refuses an unsigned token', async () => {
    for (const alg of ['none', 'None', 'NONE'])
      expect(await verify(compact({ alg }, claims(), () => ''))).to.equal('algorithm');
  });

  it('refuses a public key that is used as a shared secret', async () => {
    const published = [await exportSPKI(rsa.publicKey), JSON.stringify(rsa.jwk), rsa.jwk.n ?? ''];
    for (const secret of published) {
      for (const header of [{ alg: 'HS256', kid: 'rsa' }, { alg: 'HS256' }]) {
        const token = compact(header, claims(), (input) =>
          createHmac('sha256', secret).update(input).digest('base64url'),
        );
        expect(await verify(token)).to.equal('algorithm');
      }
    }
  });

  it('refuses an algorithm that is not on the list, although the signature is valid', async () => {
    const other = await namedKey('other', 'RS512');
    const second = await startIssuer([other.jwk]);
    const token = await sign(other, claims({ iss: second.url }));
    expect(await verify(token, { ...trust, issuer: second.url })).to.equal('algorithm');
    await second.close();
  });

  it('refuses a key in the token itself', async () => {
    const token = await sign({ ...stranger, kid: 'mine' }, claims(), { jwk: stranger.jwk });
    expect(await verify(token)).to.equal('key');
    const elsewhere = await sign(stranger, claims(), { jku: 'https://evil.example.com/keys' });
    expect(await verify(elsewhere)).to.equal('signature');
  });

  for (const token of ['', 'a', 'a.b.c', '..', 'e30.e30.', `e30.${'A'.repeat(20_000)}.`]) {
    it(`refuses a text that is no token: ${token.slice(0, 10)}`, async () => {
      expect(await verify(token)).to.be.oneOf(['malformed', 'issuer']);
    });
  }

  it('sends no request for the keys of another issuer', async () => {
    const second = await startIssuer([stranger.jwk]);
    const before = issuer.asked.length;
    expect(await verify(await sign(stranger, claims({ iss: second.url })))).to.equal('issuer');
    expect([second.asked.length, issuer.asked.length - before]).to.deep.equal([0, 0]);
    await second.close();
  });
});
