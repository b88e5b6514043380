import { expect } from 'chai';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { httpsClient } from './support/https-request.ts';
import { createAuthority, type Authority } from './support/certificates.ts';
import { podReview } from './support/reviews.ts';
import { openPolicyFixture, type PolicyFixture } from './support/policy-fixture.ts';
import { temporaryFolder, type TemporaryFolder } from './support/temporary-folder.ts';

const PROGRAM = new URL('../src/main.ts', import.meta.url).pathname;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('the program, as a process,', () => {
  let fixture: PolicyFixture;
  let folder: TemporaryFolder;
  let authority: Authority;
  const running = new Set<ChildProcessWithoutNullStreams>();
  before(async () => {
    fixture = await openPolicyFixture();
    authority = await createAuthority('acme authority');
    const leaf = await authority.issue({ commonName: 'webhook', ips: ['127.0.0.1'], usage: 'server' });
    folder = await temporaryFolder({
      'policy.yaml': fixture.policy({}),
      'tls.pem': leaf.cert,
      'tls.key': leaf.key,
    });
  });
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
  });
  after(async () => {
    await folder.remove();
    await fixture.registry.close();
  });

  function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { PATH: process.env.PATH ?? '', HOME: folder.path, ...environment },
    });
    running.add(child);
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      said.out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said.err += chunk.toString();
    });
    const ended = new Promise<Ended>((resolve) =>
      child.once('close', (code) => {
        running.delete(child);
        resolve({ code, ...said });
      }),
    );
    return { child, ended, said };
  }
  const run = async (args: readonly string[], stdin = '') => {
    const { child, ended } = start(args);
    child.stdin.end(stdin);
    return ended;
  };
  const policies = () => ['--policies', join(folder.path, 'policy.yaml')];
  const serve = (listen: string) => {
    const tls = ['--tls-cert', join(folder.path, 'tls.pem'), '--tls-key', join(folder.path, 'tls.key')];
    return start(['serve', '--standalone', join(folder.path, 'policy.yaml'), '--listen', listen, ...tls]);
  };

  it('prints the version of its package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await run(['version'])).to.deep.equal({ code: 0, out: `${version}\n`, err: '' });
  });

  it('ends with the verdict as its exit code, and without colours in a pipe', async () => {
    const [good, bad, broken] = await Promise.all(
      (['good', 'unsigned', 'broken'] as const).map((name) =>
        run(['check', fixture.image(name), ...policies()]),
      ),
    );
    expect([good?.code, bad?.code, broken?.code]).to.deep.equal([0, 1, 2]);
    expect(good?.out).to.match(/^allowed {2}/);
    expect(bad?.out).to.include('Unsigned').and.not.to.include('\u001b');
    expect(good?.err).to.equal('');
  });

  it('reads standard input', async () => {
    const { object } = podReview([fixture.image('flagged')]).request;
    const { code, out } = await run(['check', '-f', '-', ...policies()], JSON.stringify(object));
    expect(code).to.equal(1);
    expect(out).to.include('Quarantined');
  });

  it('keeps its exit code when its output is closed before the end', async () => {
    const { child, ended } = start(['check', fixture.image('good'), ...policies()]);
    child.stdout.destroy();
    expect(await ended).to.include({ code: 0, err: '' });
  });

  it('ends with 3 and the problems on standard error for bad input', async () => {
    const { code, out, err } = await run(['check', 'Not/An/Image', '--policies', '/nonexistent']);
    expect(code).to.equal(3);
    expect(out).to.equal('');
    expect(err.trimEnd().split('\n')).to.have.length(2);
  });

  it('reads logins from DOCKER_CONFIG, or otherwise from the home folder', async () => {
    const reported = async (environment: Readonly<Record<string, string>>) => {
      const { child, ended } = start(['check', fixture.image('good'), ...policies()], environment);
      child.stdin.end();
      return (await ended).out;
    };
    const docker = await temporaryFolder({ 'config.json': 'broken' });
    fixture.registry.intercept(() => ({
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="registry"' },
    }));
    const [named, empty] = await Promise.all([
      reported({ DOCKER_CONFIG: docker.path }),
      reported({ DOCKER_CONFIG: '' }),
    ]);
    fixture.registry.intercept(undefined);
    expect(named).to.include(join(docker.path, 'config.json'));
    expect(empty).to.include('RegistryDenied').and.not.to.include('config.json');
    await docker.remove();
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`serves until ${signal}, answers open requests, and exits with 0`, async () => {
      const { child, ended, said } = serve('127.0.0.1:0');
      while (!said.err.includes('listening on '))
        await new Promise((resolve) => child.stderr.once('data', resolve));
      const client = httpsClient(/listening on (\S+)/.exec(said.err)?.[1] ?? '', authority.cert);
      expect((await client.get('/readyz')).status).to.equal(200);
      const asked = new Promise((resolve) => {
        fixture.registry.intercept(() => {
          resolve(undefined);
          return undefined;
        });
      });
      fixture.registry.latency(100);
      const open = client.post('/validate?timeout=10s', JSON.stringify(podReview([fixture.image('good')])));
      await asked;
      child.kill(signal);
      const { response } = JSON.parse((await open).text) as { response: { allowed: boolean } };
      expect(response.allowed).to.equal(true);
      fixture.registry.latency(0);
      fixture.registry.intercept(undefined);
      const { code, out, err } = await ended;
      expect(code).to.equal(0);
      expect(out).to.equal('');
      expect(err).to.include('"msg":"decided"');
      await client.close();
    });
  }

  it('ends with 3 when the address is in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { code, err } = await serve(`127.0.0.1:${String((taken.address() as AddressInfo).port)}`).ended;
    expect(code).to.equal(3);
    expect(err).to.include('the address is in use already');
    await new Promise((resolve) => taken.close(resolve));
  });
});
