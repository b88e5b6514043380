import { expect } from 'chai';
import { namedKey, sign, startIssuer, type Issuer, type NamedKey } from '../clients/oidc/issuer.ts';
import { startGate, type RunningGate } from './running-gate.ts';
import { policyDocument } from '../support/policies.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import { pushImage } from '../support/registry/push.ts';
import { signingKey } from '../support/signing.ts';

const LOGIN = { username: 'reader', password: 'open sesame' };
const basic = (password: string, username = 'x'): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

describe('callers of the gate', () => {
  let registry: EmbeddedRegistry;
  let issuer: Issuer;
  let key: NamedKey;
  let gates: RunningGate[];
  const start = async (callers: object, more: object = {}, policy: object = {}): Promise<RunningGate> => {
    const policies = [
      policyDocument({ require: { quarantine: { mayPull: [{ groups: ['scanners'] }] } }, ...policy }),
    ];
    const upstreams = [{ match: [`${registry.host}/**`] }];
    const gate = await startGate({ upstreams, callers, ...more }, policies);
    gates.push(gate);
    return gate;
  };
  const trusted = (more: object = {}) => ({
    issuer: issuer.url,
    audience: 'gate',
    claims: { team: 'security' },
    groups: ['scanners'],
    ...more,
  });
  const token = (claims: object = {}, by = key): Promise<string> =>
    sign(by, {
      iss: issuer.url,
      aud: 'gate',
      sub: 'ci',
      team: 'security',
      exp: Math.floor(Date.now() / 1_000) + 60,
      ...claims,
    });
  const pull = async (gate: RunningGate, name: string, authorization?: string): Promise<number> => {
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await gate.get(`${registry.host}/shop/${name}/manifests/1.0`, { headers });
    await answer.text();
    return answer.status;
  };
  /** As clients do: asks, follows the challenge, and asks again with the token. */
  const pullAsDocker = async (gate: RunningGate, name: string, login?: string): Promise<number> => {
    const path = `${registry.host}/shop/${name}/manifests/1.0`;
    const first = await gate.get(path);
    if (first.status !== 401) return first.status;
    const challenge = /^Bearer realm="([^"]+)",service="pratique"$/.exec(
      first.headers.get('www-authenticate') ?? '',
    );
    const asked = await fetch(`${challenge![1]!}?service=pratique&scope=repository:x:pull`, {
      headers: login === undefined ? {} : { authorization: login },
    });
    if (!asked.ok) return asked.status;
    const { token: bearer } = (await asked.json()) as { token: string };
    return pull(gate, name, `Bearer ${bearer}`);
  };

  before(async () => {
    key = await namedKey('k1');
  });
  beforeEach(async () => {
    registry = await startRegistry();
    issuer = await startIssuer([key.jwk]);
    gates = [];
    const flagged = { 'dev.pratique.quarantine': 'true' };
    await pushImage({ registry: registry.host, repository: 'shop/plain', tag: '1.0' });
    await pushImage(
      { registry: registry.host, repository: 'shop/flagged', tag: '1.0' },
      { annotations: flagged },
    );
  });
  afterEach(async () => {
    for (const gate of gates) await gate.close();
    await issuer.close();
    await registry.close();
  });

  it('asks for a login as a registry does, and gives tokens for it, also to anonymous callers where they may pull', async () => {
    const both = await start({ anonymous: true, oidc: [trusted()] });
    expect(await pullAsDocker(both, 'plain')).to.equal(200);
    expect(await pullAsDocker(both, 'plain', basic(await token()))).to.equal(200);
    const closed = await start({ oidc: [trusted()] });
    expect(await pullAsDocker(closed, 'plain')).to.equal(401);
    expect(await pullAsDocker(closed, 'plain', basic(await token()))).to.equal(200);
    expect(await pull(closed, 'plain', `Bearer ${await token()}`)).to.equal(200);
  });

  it('lets a proven group pull what is flagged, and no other caller', async () => {
    const gate = await start({
      anonymous: true,
      oidc: [trusted(), trusted({ claims: { team: 'web' }, groups: [] })],
    });
    expect(await pullAsDocker(gate, 'flagged')).to.equal(403);
    expect(await pullAsDocker(gate, 'flagged', basic(await token()))).to.equal(200);
    expect(await pullAsDocker(gate, 'flagged', basic(await token({ team: 'web' })))).to.equal(403);
  });

  it('G16 a foreign, forged, expired or replayed token proves nothing', async () => {
    const gate = await start({ oidc: [trusted()] });
    const other = await namedKey('k1');
    const tokens = {
      'of another key': await token({}, other),
      'of another issuer': await token({ iss: 'https://issuer.example.com' }),
      'for another audience': await token({ aud: 'registry' }),
      'that ended': await token({ exp: Math.floor(Date.now() / 1_000) - 600 }),
      'without the claim': await token({ team: 'web' }),
      'with the claim in a list': await token({ team: ['security'] }),
      'without signature': `${(await token()).split('.').slice(0, 2).join('.')}.AAAA`,
      'of no form': 'AAAA',
    };
    for (const [what, one] of Object.entries(tokens)) {
      expect(await pull(gate, 'plain', `Bearer ${one}`), what).to.equal(401);
      expect(await pullAsDocker(gate, 'plain', basic(one)), what).to.equal(401);
    }
    const sealed = async (of: RunningGate): Promise<string> => {
      const answer = await fetch(`${of.url}/token`, { headers: { authorization: basic(await token()) } });
      return ((await answer.json()) as { token: string }).token;
    };
    const foreign = await sealed(await start({ oidc: [trusted()] }));
    expect(await pull(gate, 'plain', `Bearer ${foreign}`)).to.equal(401);
    const own = await sealed(gate);
    expect(await pull(gate, 'plain', `Bearer ${own}`)).to.equal(200);
    const changed = Buffer.from(own, 'base64url');
    changed[changed.length - 1]! ^= 1;
    expect(await pull(gate, 'plain', `Bearer ${changed.toString('base64url')}`)).to.equal(401);
  });

  it('G17 a token cannot claim a group of Kubernetes', async () => {
    const policy = { require: { quarantine: { mayPull: [{ groups: ['system:masters', 'scanners'] }] } } };
    const gate = await start({ oidc: [trusted({ groups: [], groupsClaim: 'groups' })] }, {}, policy);
    expect(await pull(gate, 'flagged', `Bearer ${await token({ groups: ['system:masters'] })}`)).to.equal(
      403,
    );
    expect(await pull(gate, 'flagged', `Bearer ${await token({ groups: ['scanners'] })}`)).to.equal(200);
  });

  describe('whose login is passed on', () => {
    beforeEach(async () => {
      await registry.close();
      registry = await startRegistry({ auth: { kind: 'basic', ...LOGIN } });
      const headers = { authorization: basic(LOGIN.password, LOGIN.username) };
      await pushImage({ registry: registry.host, repository: 'shop/plain', tag: '1.0', headers });
    });

    it('G18 what one login reads is not served to another, nor to an anonymous caller, in memory or not', async () => {
      const gate = await start({ anonymous: true, passthrough: true });
      const good = basic(LOGIN.password, LOGIN.username);
      expect(await pullAsDocker(gate, 'plain', good)).to.equal(200);
      expect(await pullAsDocker(gate, 'plain', basic('wrong', LOGIN.username))).to.be.oneOf([401, 403]);
      expect(await pullAsDocker(gate, 'plain')).to.be.oneOf([401, 403]);
      expect(await pullAsDocker(gate, 'plain', good)).to.equal(200);
    });

    it('G39 a login that is passed on goes to the registry that is asked, and to no other that a policy names', async () => {
      const other = await startRegistry({ auth: { kind: 'basic', ...LOGIN } });
      try {
        const pem = signingKey().pem;
        const elsewhere = { name: 'release', key: { pem }, repository: `${other.host}/signatures` };
        const policy = { authorities: [elsewhere], require: { signatures: { from: ['release'] } } };
        const gate = await start({ passthrough: true }, {}, policy);
        await pullAsDocker(gate, 'plain', basic(LOGIN.password, LOGIN.username));
        expect(other.requests.length).to.be.above(0);
        expect(other.requests.filter(({ authorized }) => authorized)).to.deep.equal([]);
        expect(registry.requests.some(({ authorized }) => authorized)).to.equal(true);
      } finally {
        await other.close();
      }
    });

    it('G65 a login for one upstream is not sent to another by naming it, and what that has is read without', async () => {
      const [open, asks] = [
        await startRegistry(),
        await startRegistry({ auth: { kind: 'basic', ...LOGIN } }),
      ];
      try {
        await pushImage({ registry: open.host, repository: 'shop/plain', tag: '1.0' });
        const upstreams = [{ match: [`${registry.host}/**`], passthrough: true }, { match: ['**'] }];
        const gate = await start({ passthrough: true }, { upstreams });
        const authorization = basic(LOGIN.password, LOGIN.username);
        const statusAt = async ({ host }: EmbeddedRegistry): Promise<number> =>
          (await gate.get(`${host}/shop/plain/manifests/1.0`, { headers: { authorization } })).status;
        expect(await statusAt(registry)).to.equal(200);
        expect(await statusAt(asks)).to.be.oneOf([401, 403]);
        expect(await statusAt(open)).to.equal(200);
        expect(asks.requests.length).to.be.above(0);
        for (const one of [open, asks])
          expect(one.requests.filter(({ authorized }) => authorized)).to.deep.equal([]);
      } finally {
        await open.close();
        await asks.close();
      }
    });

    it('G33 no password appears in a log line, a header or a body', async () => {
      const gate = await start({ passthrough: true });
      const answers: string[] = [];
      for (const password of [LOGIN.password, 'wrong secret']) {
        const login = basic(password, LOGIN.username);
        const answer = await gate.get(`${registry.host}/shop/plain/manifests/1.0`, {
          headers: { authorization: login },
        });
        answers.push(`${JSON.stringify([...answer.headers])} ${await answer.text()}`);
        const asked = await fetch(`${gate.url}/token`, { headers: { authorization: login } });
        answers.push(`${JSON.stringify([...asked.headers])} ${await asked.text()}`);
      }
      const all = [...answers, ...gate.log.map((line) => JSON.stringify(line))].join('\n');
      for (const secret of [
        LOGIN.password,
        'wrong secret',
        Buffer.from(LOGIN.password).toString('base64').slice(0, 12),
      ])
        expect(all).not.to.include(secret);
    });
  });
});
