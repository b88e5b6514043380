import { expect } from 'chai';
import { chmod, mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { dockerKeychain } from '../../../../src/clients/registry/auth/keychain.ts';
import { pullSecretLogins } from '../../../../src/clients/registry/index.ts';
import type { Keychain } from '../../../../src/core/evidence/index.ts';
import { faultOf, patient } from '../client.ts';

const auth = (login: string): { auth: string } => ({ auth: Buffer.from(login).toString('base64') });
const password = (username: string, secret: string): unknown => ({
  kind: 'password',
  username,
  password: secret,
});

/** Logins of one pull secret with this text. */
const pullSecret = (text: string): Keychain => pullSecretLogins([{ source: 'a secret', text }]).keychain;

describe('logins from a Docker config', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'keychain-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function keychain(config: unknown, helperTimeoutMs = 2_000): Promise<Keychain> {
    const text = typeof config === 'string' ? config : JSON.stringify(config);
    await writeFile(join(directory, 'config.json'), text);
    const path = [directory, dirname(process.execPath), '/usr/bin', '/bin'].join(':');
    return dockerKeychain({ directory, helperTimeoutMs, environment: { PATH: path } });
  }
  async function helper(name: string, script: string): Promise<void> {
    const file = join(directory, `docker-credential-${name}`);
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
  }
  const find = (from: Keychain, registry: string, repository = 'shop/web'): Promise<unknown> =>
    from({ registry, repository }, patient());

  const TABLE: readonly (readonly [string, Record<string, unknown>, string, unknown])[] = [
    ['a host', { 'registry.example.com': auth('a:b') }, 'registry.example.com', password('a', 'b')],
    ['a host with port', { 'h.example:5000': auth('a:b') }, 'h.example:5000', password('a', 'b')],
    ['no other port', { 'h.example:5000': auth('a:b') }, 'h.example', undefined],
    ['no longer name', { 'h.example': auth('a:b') }, 'h.example.evil.example', undefined],
    ['a URL', { 'https://h.example/v2/': auth('a:b') }, 'h.example', password('a', 'b')],
    ['upper case', { 'H.Example': auth('a:b') }, 'h.example', password('a', 'b')],
    ['colons in a password', { 'h.example': auth('a:b:c') }, 'h.example', password('a', 'b:c')],
    ['plain fields', { 'h.example': { username: 'a', password: 'b' } }, 'h.example', password('a', 'b')],
    [
      'an identity token',
      { 'h.example': { ...auth('a:'), identitytoken: 't' } },
      'h.example',
      { kind: 'identity', token: 't' },
    ],
    [
      'a registry token',
      { 'h.example': { registrytoken: 't' } },
      'h.example',
      { kind: 'bearer', token: 't' },
    ],
    ['Docker Hub', { 'https://index.docker.io/v1/': auth('a:b') }, 'docker.io', password('a', 'b')],
    ['Docker Hub by another name', { 'registry-1.docker.io': auth('a:b') }, 'docker.io', password('a', 'b')],
    [
      'the longest path',
      { 'h.example': auth('a:b'), 'h.example/shop': auth('c:d'), 'h.example/shop/we': auth('e:f') },
      'h.example',
      password('c', 'd'),
    ],
    ['no other path', { 'h.example/team': auth('a:b') }, 'h.example', undefined],
    ['an empty mark', { 'h.example': {} }, 'h.example', undefined],
  ];
  for (const [title, auths, registry, expected] of TABLE) {
    it(`finds ${title}`, async () => {
      expect(await find(await keychain({ auths }), registry)).to.deep.equal(expected);
      expect(await find(pullSecret(JSON.stringify({ auths })), registry)).to.deep.equal(expected);
    });
  }

  it('finds no login without a file, and reads a file that appears later', async () => {
    const found = dockerKeychain({ directory, environment: {} });
    expect(await find(found, 'h.example')).to.equal(undefined);
    await keychain({ auths: { 'h.example': auth('a:b') } });
    expect(await find(found, 'h.example')).to.deep.equal(password('a', 'b'));
  });

  for (const broken of [
    '{"auths":',
    '[]',
    '{"auths":{"h.example":{"auth":"c2VjcmV0"}}}',
    '{"auths":"secret"}',
  ]) {
    it(`names a file that is no config, and shows none of its content: ${broken}`, async () => {
      const file = join(directory, 'config.json');
      const fault = await faultOf(find(await keychain(broken), 'h.example'), 'RegistryDenied');
      expect(fault.message)
        .to.include(file)
        .and.not.match(/secret|c2VjcmV0/);
      const source = 'Secret shop/pull';
      const { unreadable } = pullSecretLogins([{ source, text: broken }]);
      expect(unreadable.map((one) => one.source)).to.deep.equal([source]);
      expect(JSON.stringify(unreadable)).not.to.include('c2VjcmV0');
    });
  }

  it('names a file that cannot be read', async () => {
    await mkdir(join(directory, 'config.json'));
    const found = dockerKeychain({ directory, environment: {} });
    const fault = await faultOf(find(found, 'h.example'), 'RegistryDenied');
    expect(fault.message).to.include(directory);
  });

  describe('with credential helpers', () => {
    const echo = `read server; printf '{"Username":"u","Secret":"%s"}' "$server"`;

    it('uses the helper of the host, before any stored login', async () => {
      await helper('acme', echo);
      const config = { credHelpers: { 'h.example': 'acme' }, auths: { 'h.example': auth('a:b') } };
      expect(await find(await keychain(config), 'h.example')).to.deep.equal(password('u', 'h.example'));
      expect(await find(await keychain(config), 'i.example')).to.equal(undefined);
    });

    it('uses the default helper for other hosts, with the old name of Docker Hub', async () => {
      await helper('acme', echo);
      const config = { credsStore: 'acme', auths: { 'h.example': auth('a:b'), 'docker.io': {} } };
      const found = await keychain(config);
      expect(await find(found, 'h.example')).to.deep.equal(password('a', 'b'));
      expect(await find(found, 'docker.io')).to.deep.equal(password('u', 'https://index.docker.io/v1/'));
    });

    it('reads <token> as an identity token', async () => {
      await helper('acme', `printf '{"Username":"<token>","Secret":"t"}'`);
      const found = await keychain({ credsStore: 'acme' });
      expect(await find(found, 'h.example')).to.deep.equal({ kind: 'identity', token: 't' });
    });

    it('reads "credentials not found" as no login', async () => {
      await helper('acme', `echo 'credentials not found in native keychain'; exit 1`);
      expect(await find(await keychain({ credsStore: 'acme' }), 'h.example')).to.equal(undefined);
    });

    const FAILURES = [
      ['fails', `echo secret; echo secret >&2; exit 1`, /exit code 1/],
      ['prints no login', `echo secret`, /no login/],
      ['prints no secret', `echo '{"Username":"u","Secret":""}'`, /no login/],
      ['never ends', `exec sleep 30`, /in time/],
      ['prints without end', `exec yes secret`, /more than a login/],
    ] as const;
    for (const [title, script, detail] of FAILURES) {
      it(`sends no anonymous request when a helper ${title}`, async () => {
        await helper('acme', script);
        const found = await keychain({ credsStore: 'acme' }, title === 'never ends' ? 300 : 5_000);
        const fault = await faultOf(find(found, 'h.example'), 'RegistryDenied');
        expect(fault.detail).to.match(detail);
        expect(`${fault.message} ${String(fault.cause)}`).to.not.include('secret');
      });
    }

    it('names a missing helper', async () => {
      const fault = await faultOf(
        find(await keychain({ credsStore: 'gone' }), 'h.example'),
        'RegistryDenied',
      );
      expect(fault.message).to.include('docker-credential-gone');
    });

    it('does not run a helper named by a path, nor any named in a pull secret', async () => {
      await helper('acme', echo);
      await faultOf(find(await keychain({ credsStore: '../acme' }), 'h.example'), 'RegistryDenied');
      const secret = pullSecret('{"credsStore":"acme"}');
      expect(await find(secret, 'h.example')).to.equal(undefined);
    });

    it('stops a helper with the signal of the caller', async () => {
      await helper('acme', `exec sleep 30`);
      const found = await keychain({ credsStore: 'acme' });
      const place = { registry: 'h.example', repository: 'shop/web' };
      await faultOf(found(place, AbortSignal.timeout(50)), 'DeadlineExceeded');
    });
  });
});
