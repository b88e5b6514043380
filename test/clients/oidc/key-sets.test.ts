import { createServer } from 'node:http';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { Fault } from '../../../src/core/model/index.ts';
import { createTokenVerifier } from '../../../src/clients/oidc/index.ts';
import type { Fetch } from '../../../src/clients/http/index.ts';
import { namedKey, sign, startIssuer, type Issuer, type NamedKey } from './issuer.ts';

const MINUTE_MS = 60_000;

describe('the keys of an issuer', () => {
  let key: NamedKey;
  let next: NamedKey;
  let issuer: Issuer;
  let now: number;
  before(async () => {
    key = await namedKey('first');
    next = await namedKey('second');
  });
  beforeEach(async () => {
    issuer = await startIssuer([key.jwk]);
    now = Date.parse('2026-06-01T12:00:00Z');
  });
  afterEach(() => issuer.close());

  const tokenOf = (by: NamedKey) =>
    sign(by, { iss: issuer.url, aud: 'pratique', sub: 'acme', exp: now / 1_000 + 7_200 });
  const trust = () => ({ issuer: issuer.url, audience: 'pratique', subject: 'acme' });
  function verifier(fetch?: Fetch) {
    const verify = createTokenVerifier({ clock: () => new Date(now), ...(fetch && { fetch }) });
    return async (by: NamedKey, signal = AbortSignal.timeout(50_000)) => {
      const verdict = await verify(await tokenOf(by), trust(), signal);
      return verdict.ok ? 'good' : verdict.why;
    };
  }
  const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
    const error: unknown = await work.catch((thrown: unknown) => thrown);
    if (error instanceof Fault) return error;
    throw new Error(`no fault but ${String(error)}`);
  };

  it('are fetched once for many tokens, at the same time and later', async () => {
    const verify = verifier();
    expect(await Promise.all(Array.from({ length: 50 }, () => verify(key)))).to.deep.equal(
      Array.from({ length: 50 }, () => 'good'),
    );
    now += 9 * MINUTE_MS;
    await verify(key);
    expect(issuer.asked).to.deep.equal(['/.well-known/openid-configuration', '/keys']);
  });

  it('are fetched again after ten minutes, and a removed key is no longer accepted', async () => {
    const verify = verifier();
    expect(await verify(key)).to.equal('good');
    issuer.keys = [next.jwk];
    now += 10 * MINUTE_MS;
    expect(await verify(key)).to.equal('key');
  });

  it('are fetched again when the clock was set back', async () => {
    const verify = verifier();
    await verify(key);
    now -= MINUTE_MS;
    await verify(key);
    expect(issuer.asked).to.have.length(4);
  });

  it('are fetched again when a token names an unknown key, twice a minute at most', async () => {
    const verify = verifier();
    await verify(key);
    issuer.keys = [key.jwk, next.jwk];
    now += 29_000;
    expect(await verify(next)).to.equal('key');
    expect(issuer.asked).to.have.length(2);
    now += 1_000;
    expect(await verify(next)).to.equal('good');
    expect(issuer.asked).to.have.length(4);
  });

  it('are found when the URL of the issuer has a path, with or without a slash at the end', async () => {
    for (const path of ['/tenants/acme', '/tenants/acme/']) {
      const name = `${issuer.url}${path}`;
      issuer.instead = (asked, answer) => {
        if (asked !== '/tenants/acme/.well-known/openid-configuration') return false;
        answer.end(JSON.stringify({ issuer: name, jwks_uri: `${issuer.url}/keys` }));
        return true;
      };
      const token = await sign(key, { iss: name, aud: 'a', sub: 'b', exp: now / 1_000 + 60 });
      const verify = createTokenVerifier({ clock: () => new Date(now) });
      const verdict = await verify(
        token,
        { issuer: name, audience: 'a', subject: 'b' },
        AbortSignal.timeout(50_000),
      );
      expect(verdict).to.include({ ok: true });
    }
  });

  const CONFIGURATION = '/.well-known/openid-configuration';
  const broken: readonly [string, (issuer: Issuer) => void][] = [
    ['an error', (it) => (it.instead = (_path, answer) => !!answer.writeHead(500).end('{}'))],
    ['no page', (it) => (it.instead = (_path, answer) => !!answer.writeHead(404).end('{}'))],
    ['no JSON', (it) => (it.instead = (_path, answer) => !!answer.end('<html>'))],
    ['a dropped connection', (it) => (it.instead = (_path, answer) => !!answer.destroy())],
    ['the configuration of another', (it) => (it.configuration = { ...it.configuration, issuer: 'x' })],
    ['a configuration without keys', (it) => (it.configuration = { issuer: it.url })],
    [
      'keys that are no list',
      (it) => (it.instead = (path, answer) => path === '/keys' && !!answer.end('{}')),
    ],
    ['keys that are none', (it) => (it.keys = [{}])],
    ['more keys than any issuer has', (it) => (it.keys = Array.from({ length: 65 }, () => ({ kty: 'EC' })))],
    [
      'a configuration that is too long, good as it is',
      (it) => (it.configuration = { ...it.configuration, x: 'x'.repeat(300_000) }),
    ],
    [
      'a small answer that unpacks to a large one',
      (it) =>
        (it.instead = (path, answer) =>
          path === CONFIGURATION &&
          !!answer
            .writeHead(200, { 'content-encoding': 'gzip' })
            .end(gzipSync(JSON.stringify({ ...it.configuration, x: 'x'.repeat(300_000) })))),
    ],
    [
      'an error with a good configuration',
      (it) =>
        (it.instead = (path, answer) =>
          path === CONFIGURATION && !!answer.writeHead(500).end(JSON.stringify(it.configuration))),
    ],
    [
      'a redirect of the configuration',
      (it) => {
        it.instead = (path, answer) => {
          if (path === '/moved') return !!answer.end(JSON.stringify(it.configuration));
          return path === CONFIGURATION && !!answer.writeHead(302, { location: '/moved' }).end();
        };
      },
    ],
    [
      'a redirect of the keys',
      (it) => {
        it.instead = (path, answer) => {
          if (path === '/moved') return !!answer.end(JSON.stringify({ keys: it.keys }));
          return path === '/keys' && !!answer.writeHead(302, { location: '/moved' }).end();
        };
      },
    ],
  ];
  for (const [what, breakIt] of broken) {
    it(`are unknown, not absent, when the issuer answers ${what}`, async () => {
      breakIt(issuer);
      const fault = await faultOf(verifier()(key));
      expect(fault).to.include({ code: 'IssuerUnavailable', side: 'trust', transient: true });
    });
  }

  it('are not fetched from a URL that is neither https nor on the host of the issuer', async () => {
    const elsewhere = createServer((_request, answer) => answer.end(JSON.stringify({ keys: [key.jwk] })));
    elsewhere.listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    let asked = 0;
    elsewhere.on('request', () => (asked += 1));
    const { port } = elsewhere.address() as AddressInfo;
    issuer.configuration = { issuer: issuer.url, jwks_uri: `http://127.0.0.1:${String(port)}/keys` };
    expect((await faultOf(verifier()(key))).code).to.equal('IssuerUnavailable');
    expect(asked).to.equal(0);
    elsewhere.close();
  });

  it('N11 are not fetched at an internal address', async () => {
    issuer.configuration = { issuer: issuer.url, jwks_uri: 'https://keys.example.com/all' };
    const reach = { resolve: () => Promise.resolve(['169.254.169.254']) };
    const verify = createTokenVerifier({ clock: () => new Date(now), reach });
    const fault = await faultOf(
      tokenOf(key).then((token) => verify(token, trust(), AbortSignal.timeout(50_000))),
    );
    expect(fault.code).to.equal('IssuerUnavailable');
    expect(fault.message).to.include('keys.example.com is at a link-local');
  });

  it('may be at another URL over https', async () => {
    issuer.configuration = { issuer: issuer.url, jwks_uri: 'https://keys.example.com/all' };
    const verify = verifier((url, init) =>
      url.startsWith('https:')
        ? Promise.resolve(new Response(JSON.stringify({ keys: [key.jwk] })))
        : fetch(url, init),
    );
    expect(await verify(key)).to.equal('good');
  });

  it('are not fetched again at once after a failure, and are fetched when the issuer is back', async () => {
    const verify = verifier();
    issuer.instead = (_path, answer) => !!answer.writeHead(503).end();
    await faultOf(verify(key));
    await faultOf(verify(key));
    expect(issuer.asked).to.have.length(1);
    issuer.instead = () => false;
    now += 2_000;
    expect(await verify(key)).to.equal('good');
  });

  it('are accepted no longer than ten minutes when the issuer is down', async () => {
    const verify = verifier();
    await verify(key);
    issuer.instead = (_path, answer) => !!answer.writeHead(503).end();
    now += 9 * MINUTE_MS;
    expect(await verify(key)).to.equal('good');
    now += MINUTE_MS;
    expect((await faultOf(verify(key))).code).to.equal('IssuerUnavailable');
  });

  it('are not awaited after the deadline of a caller, while other callers still wait', async () => {
    const held = Promise.withResolvers<undefined>();
    const asked = Promise.withResolvers<undefined>();
    issuer.instead = async () => {
      asked.resolve(undefined);
      await held.promise;
      return false;
    };
    const verify = verifier();
    const ended = new AbortController();
    const impatient = faultOf(verify(key, ended.signal));
    await asked.promise;
    const patient = verify(key);
    ended.abort();
    expect((await impatient).code).to.equal('IssuerUnavailable');
    held.resolve(undefined);
    expect(await patient).to.equal('good');
  });

  it('do not delay the tokens of another issuer when they are slow', async () => {
    const held = Promise.withResolvers<undefined>();
    issuer.instead = async () => {
      await held.promise;
      return false;
    };
    const other = await startIssuer([next.jwk]);
    const verify = createTokenVerifier({ clock: () => new Date(now) });
    const slow = verify(await tokenOf(key), trust(), AbortSignal.timeout(50_000));
    const claims = { iss: other.url, aud: 'a', sub: 'b', exp: now / 1_000 + 60 };
    const quick = await verify(
      await sign(next, claims),
      { issuer: other.url, audience: 'a', subject: 'b' },
      AbortSignal.timeout(50_000),
    );
    expect(quick).to.include({ ok: true });
    held.resolve(undefined);
    expect(await slow).to.include({ ok: true });
    await other.close();
  });

  it('are awaited by a bounded number of callers', async () => {
    const held = Promise.withResolvers<undefined>();
    issuer.instead = async () => {
      await held.promise;
      return false;
    };
    const token = await tokenOf(key);
    const verify = createTokenVerifier({ clock: () => new Date(now) });
    // All of them are there before the first gets an answer.
    const all = Array.from({ length: 300 }, () =>
      verify(token, trust(), AbortSignal.timeout(5_000)).then(
        ({ ok }) => (ok ? 'good' : 'bad'),
        () => 'fault',
      ),
    );
    const first = await Promise.race(all);
    expect(first).to.equal('fault');
    held.resolve(undefined);
    const results = await Promise.all(all);
    expect(results.filter((result) => result === 'good')).to.have.length(256);
  });

  it('do not appear in the message of a Fault, nor does a token', async () => {
    issuer.instead = (_path, answer) => !!answer.end('hunter2');
    const token = await tokenOf(key);
    const verify = createTokenVerifier({ clock: () => new Date(now) });
    const fault = await faultOf(verify(token, trust(), AbortSignal.timeout(50_000)));
    expect(`${fault.message} ${String(fault.cause)}`).not.to.match(/hunter2|eyJ/);
  });
});
