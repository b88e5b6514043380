import { expect } from 'chai';
import { join } from 'node:path';
import { createAuthority, type Authority } from '../support/certificates.ts';
import { policyDocument } from '../support/policies.ts';
import {
  startRegistry,
  type AuthOptions,
  type EmbeddedRegistry,
  type RegistryOptions,
} from '../support/registry/index.ts';
import { failure } from '../support/registry/http.ts';
import { pushImage, type Pushed } from '../support/registry/push.ts';
import { podReview } from '../support/reviews.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run, type RunOptions } from './run.ts';

describe('registries at the command line', () => {
  let files: TemporaryFolder;
  let registry: EmbeddedRegistry;
  before(async () => {
    files = await temporaryFolder({
      'policy.yaml': policyDocument({ require: { quarantine: {}, lifecycle: {} } }),
      'settings.yaml': 'registries: { allowedAddresses: [0.0.0.0] }',
    });
  });
  after(() => files.remove());
  afterEach(() => registry.close());

  const start = async (options: RegistryOptions = {}) => {
    registry = await startRegistry(options);
  };
  const check = (image: string, args: readonly string[] = [], options: RunOptions = {}) =>
    run(['check', image, ...given(), ...args], options);
  const given = () => [
    ...['--policies', join(files.path, 'policy.yaml')],
    ...['--settings', join(files.path, 'settings.yaml')],
  ];

  /**
   * The registry under an address that is not loopback by its text, so that TLS is required as for any other, and
   * that leads to this machine all the same ("this host", RFC 1122 section 3.2.1.3). No registry is there unless settings allow it.
   */
  const elsewhere = () => registry.host.replace('127.0.0.1', '0.0.0.0');

  describe('over https', () => {
    let authority: Authority;
    let ca: string;
    before(async () => {
      authority = await createAuthority('acme authority');
      ca = await files.write('ca.pem', authority.cert);
    });
    const startTls = async (ip = '0.0.0.0', more: { notAfter?: Date } = {}) =>
      start({ tls: await authority.issue({ commonName: 'registry', ips: [ip], usage: 'server', ...more }) });

    it('are not trusted by default, and the message names the flag', async () => {
      await startTls();
      const { code, out } = await check(`${elsewhere()}/shop/web:1.0`);
      expect(code).to.equal(2);
      expect(out).to.include('certificate is not trusted: give its CA with --registry-ca');
      expect(registry.requests).to.deep.equal([]);
    });

    it('are trusted by --registry-ca, also as one of several', async () => {
      await startTls();
      const other = await files.write('other.pem', (await createAuthority('another authority')).cert);
      const { code, out } = await check(`${elsewhere()}/shop/web:1.0`, [
        '--registry-ca',
        other,
        '--registry-ca',
        ca,
      ]);
      expect(code, out).to.equal(1);
      expect(out).to.include('ImageNotFound');
      expect(registry.requests).not.to.deep.equal([]);
    });

    it('report a certificate for another name and an expired one', async () => {
      await startTls('192.0.2.1');
      expect((await check(`${elsewhere()}/shop/web:1.0`, ['--registry-ca', ca])).out).to.include(
        'for another name',
      );
      await registry.close();
      const past = new Date(Date.now() - 1_000);
      await startTls('0.0.0.0', { notAfter: past });
      expect((await check(`${elsewhere()}/shop/web:1.0`, ['--registry-ca', ca])).out).to.include(
        'has expired',
      );
    });
  });

  it('over http are refused unless named by --insecure-registry', async () => {
    await start();
    await pushImage({ registry: registry.host, repository: 'shop/web', tag: '1.0' });
    const image = `${elsewhere()}/shop/web:1.0`;
    const refused = await check(image);
    expect(refused.code).to.equal(2);
    expect(refused.out).to.include('does not speak TLS').and.to.include('--insecure-registry');
    expect((await check(image, ['--insecure-registry', 'registry.example.com'])).code).to.equal(2);
    expect((await check(image, ['--insecure-registry', elsewhere()])).code).to.equal(0);
    expect((await check(`${registry.host}/shop/web:1.0`)).code, 'loopback needs no flag').to.equal(0);
  });

  describe('with a login', () => {
    const USER = 'robot-jane';
    const PASSWORD = 'correct-horse-battery';
    const WRONG = 'wrong-staple-0123456789';
    let pushed: Pushed;

    const startWith = async (auth: AuthOptions, pushAs: Readonly<Record<string, string>>) => {
      await start({ auth });
      pushed = await pushImage({
        registry: registry.host,
        repository: 'shop/web',
        tag: '1.0',
        headers: pushAs,
      });
      (registry.requests as unknown[]).length = 0;
    };
    const basic = (password: string) => Buffer.from(`${USER}:${password}`).toString('base64');
    /** Runs with a Docker config that has this login, and checks that no output shows it. */
    const checkAs = async (login: Readonly<Record<string, string>>, more: readonly string[] = []) => {
      const docker = await temporaryFolder({ 'config.json': { auths: { [registry.host]: login } } });
      const environment = { DOCKER_CONFIG: docker.path };
      const image = `${registry.host}/shop/web:1.0`;
      const policies = ['--policies', join(files.path, 'policy.yaml')];
      const stdin = JSON.stringify(podReview([image]));
      const text = await check(image, more, { environment });
      const json = await check(image, ['-o', 'json'], { environment });
      const review = await run(['review', '-f', '-', ...policies], { environment, stdin });
      await docker.remove();
      const secrets = [...Object.values(login), WRONG, PASSWORD, basic(WRONG), basic(PASSWORD)];
      for (const { out, err, log } of [text, json, review]) {
        for (const secret of secrets) expect(out + err + log).not.to.include(secret);
        expect(out + err + log).not.to.match(/authorization|bearer [\w-]{8}|basic \w{8}/i);
      }
      return text;
    };
    const BASIC: AuthOptions = { kind: 'basic', username: USER, password: PASSWORD };

    it('are read with the login of the Docker config', async () => {
      await startWith(BASIC, { authorization: `Basic ${basic(PASSWORD)}` });
      const { code, out } = await checkAs({ auth: basic(PASSWORD) });
      expect(code, out).to.equal(0);
      expect(out).to.include(pushed.digest);
    });

    const failing: readonly { what: string; auth: AuthOptions; login: Readonly<Record<string, string>> }[] = [
      { what: 'a wrong password', auth: BASIC, login: { auth: basic(WRONG) } },
      {
        what: 'a wrong password for a token',
        auth: { ...BASIC, kind: 'bearer' },
        login: { auth: basic(WRONG) },
      },
      {
        what: 'a wrong refresh token',
        auth: { kind: 'bearer', identityToken: 'right' },
        login: { identitytoken: WRONG },
      },
    ];
    for (const { what, auth, login } of failing) {
      it(`rejects ${what}, and the output does not show it`, async () => {
        await start({ auth });
        const { code, out } = await checkAs(login);
        expect(code).to.equal(2);
        expect(out).to.include('RegistryDenied');
        expect(registry.requests.some(({ path }) => path.startsWith('/v2/'))).to.equal(true);
      });
    }

    it('may repeat the login in their errors, but the output does not show it', async () => {
      await start({
        intercept: ({ headers }) =>
          failure(500, headers.authorization ?? 'NONE', { 'x-echo': headers.authorization ?? '' }),
      });
      const { code } = await checkAs({ auth: basic(WRONG) });
      expect(code).to.equal(2);
    });

    it('report an unreadable Docker config when they require a login', async () => {
      await start({ auth: BASIC });
      const docker = await temporaryFolder({
        'config.json': `{"auths": {"${registry.host}": {"auth": "${WRONG}"`,
      });
      const { code, out, err, log } = await check(`${registry.host}/shop/web:1.0`, [], {
        environment: { DOCKER_CONFIG: docker.path },
      });
      await docker.remove();
      expect(code).to.equal(2);
      expect(out + err + log).not.to.include(WRONG);
      expect(out).to.include('config.json: it is not a valid Docker config');
      expect(registry.requests.filter(({ authorized }) => authorized)).to.deep.equal([]);
    });
  });
});
