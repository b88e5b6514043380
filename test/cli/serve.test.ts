import { expect } from 'chai';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { responseIn } from '../webhook/answers.ts';
import { httpsClient, type HttpsClient } from '../support/https-request.ts';
import { createAuthority, type Authority } from '../support/certificates.ts';
import { podReview } from '../support/reviews.ts';
import { openPolicyFixture, type PolicyFixture } from '../support/policy-fixture.ts';
import { createSigstore } from '../support/sigstore/instance.ts';
import { serveTuf, type TufRepository } from '../support/sigstore/tuf-repository.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run } from './run.ts';

/** The secret in the path, where more than loopback is listened on. */
const SECRET = 'a1'.repeat(16);

describe('pratique serve', () => {
  let fixture: PolicyFixture;
  let policies: TemporaryFolder;
  let files: TemporaryFolder;
  let authority: Authority;
  before(async () => {
    fixture = await openPolicyFixture();
    authority = await createAuthority('webhook');
    const leaf = await authority.issue({
      commonName: 'localhost',
      ips: ['127.0.0.1', '::1'],
      usage: 'server',
    });
    const stranger = await authority.issue({ commonName: 'stranger', usage: 'server' });
    policies = await temporaryFolder({ 'production.yaml': fixture.policy({}) });
    files = await temporaryFolder({
      'tls.crt': leaf.cert,
      'tls.key': leaf.key,
      'other.key': stranger.key,
      'bad.pem': 'nonsense',
      'path-secret': `${SECRET}\n`,
    });
  });
  after(async () => {
    await Promise.all([policies.remove(), files.remove()]);
    await fixture.registry.close();
  });

  const file = (name: string) => join(files.path, name);
  const loopback = ['--listen', '127.0.0.1:0'];
  const tls = () => ['--tls-cert', file('tls.crt'), '--tls-key', file('tls.key')];
  const serve = (...args: readonly string[]) => run(['serve', '--standalone', policies.path, ...args]);
  const refused = async (...args: readonly string[]) => {
    const { code, err, out } = await run(['serve', ...args]);
    expect(code, err).to.equal(3);
    expect(out).to.equal('');
    return err.replaceAll(files.path, 'files').trimEnd().split('\n');
  };
  const serving = (listen: string, use: (client: HttpsClient, said: string) => Promise<void>) =>
    run(['serve', '--standalone', policies.path, '--listen', listen, ...tls()], {
      whileServing: async (said) => {
        const url = /listening on (\S+)/.exec(said)?.[1] ?? '';
        const client = httpsClient(url, authority.cert);
        await use(client, said);
        await client.close();
      },
    });

  for (const listen of ['127.0.0.1:0', '[::1]:0']) {
    it(`logs its policies and address, answers on ${listen}, and exits with 0 when it is stopped`, async () => {
      const asked = podReview([fixture.image('good'), fixture.image('unsigned')]);
      const { code, err, out, log } = await serving(listen, async (client, said) => {
        expect(said).to.include('1.2.3: 1 policy from').and.to.include(policies.path);
        expect(said).to.match(/ listening on https:\/\/(?:127\.0\.0\.1|\[::1\]):[1-9]\d*\n/);
        const ready = await client.get('/readyz');
        expect(ready.status).to.equal(200);
        expect(ready.text).to.match(
          /^ok\npolicies: 1\ntrust root [0-9a-f]{12}: public-good \(shipped\), since /,
        );
        expect(await client.get('/healthz')).to.include({ status: 200 });
        const answer = await client.post('/validate?timeout=10s', JSON.stringify(asked));
        const response = responseIn(JSON.parse(answer.text), asked.request.uid);
        expect(response.allowed).to.equal(false);
        expect(response.status?.message).to.match(/^1 of 2 images refused: web-1 \(Unsigned\)\n/);
      });
      expect(code).to.equal(0);
      expect(out).to.equal('');
      expect(err.trimEnd().split('\n')).to.have.length(1);
      expect(JSON.parse(log)).to.include({ msg: 'decided', verdict: 'deny', uid: asked.request.uid });
    });
  }

  it('serves its metrics over HTTPS: policies, and the age of the trust root in seconds', async () => {
    await serving('127.0.0.1:0', async (client) => {
      const { status, headers, text } = await client.get('/metrics');
      expect(status).to.equal(200);
      expect(headers['content-type']).to.match(/^text\/plain; version=/);
      expect(text).to.match(/^# TYPE pratique_policies gauge\npratique_policies 1$/m);
      const age =
        /^pratique_trust_root_age_seconds\{source="public-good \(shipped\)",fingerprint="[0-9a-f]{64}"\} (\S+)$/m.exec(
          text,
        );
      expect(Number(age?.[1])).to.be.within(0, 60);
    });
  });

  describe('with a refresh of the public-good trust root', () => {
    let tuf: TufRepository;
    before(async () => {
      tuf = await serveTuf((await createSigstore()).root.json);
    });
    after(() => tuf.close());

    /** The text of `/readyz` once it contains these words, and the log lines. */
    const readyAfterRefresh = async (cache: string, words: string) => {
      const refresh = { cache: file(cache), mirror: tuf.url };
      const settings = await files.write('settings.yaml', { trust: { refresh } });
      let text = '';
      const { code, log } = await run(
        ['serve', '--standalone', policies.path, '--listen', '127.0.0.1:0', ...tls(), '--settings', settings],
        {
          whileServing: async (said) => {
            const client = httpsClient(/listening on (\S+)/.exec(said)?.[1] ?? '', authority.cert);
            for (const giveUp = Date.now() + 50_000; !text.includes(words) && Date.now() < giveUp;) {
              await sleep(20);
              text = (await client.get('/readyz')).text;
            }
            await client.close();
          },
        },
      );
      expect(code).to.equal(0);
      return { text, log };
    };

    it('reports that the refreshed root is in force', async () => {
      const seeded = join(file('tuf'), encodeURIComponent(new URL(tuf.url).host));
      await mkdir(seeded, { recursive: true });
      await writeFile(join(seeded, 'root.json'), JSON.stringify(tuf.rootJson));
      const { text, log } = await readyAfterRefresh('tuf', '(refreshed)');
      expect(text).to.match(
        /^ok\npolicies: 1\ntrust root [0-9a-f]{12}: public-good \(refreshed\), since \S+\n$/,
      );
      expect(log).to.include('trust root refreshed');
    });

    it('stays ready with the shipped root when the refresh fails, and reports the failure', async () => {
      const { text, log } = await readyAfterRefresh('a-cache-without-a-first-root', 'refresh failed');
      expect(text).to.match(/^ok\npolicies: 1\n.*\(shipped\).*\ntrust root refresh failed: \S[^\n]*\n$/);
      expect(log).to.include('trust root could not be refreshed, the last good one stays');
    });
  });

  it('needs a folder, a certificate and a key', async () => {
    expect(await refused()).to.deep.equal([
      'error: --kubeconfig: is needed outside of a pod, or --standalone with a folder of policies',
    ]);
    const why = 'needed: the API server calls webhooks over HTTPS only';
    expect(await refused('--standalone', policies.path, ...loopback)).to.deep.equal([
      `error: --tls-cert, --tls-key: are ${why}`,
    ]);
    expect(
      await refused('--standalone', policies.path, ...loopback, '--tls-cert', file('tls.crt')),
    ).to.deep.equal([`error: --tls-key: is ${why}`]);
  });

  it('reports missing files, broken policies and missing authorities at once', async () => {
    const said = await refused(
      '--standalone',
      file('none'),
      ...loopback,
      '--tls-cert',
      file('a'),
      '--tls-key',
      file('b'),
      '--registry-ca',
      file('c'),
    );
    expect(said).to.have.members(
      ['a', 'b', 'c', 'none'].map((name) => `error: files/${name}: no such file or folder`),
    );
    expect(await refused('--listen', 'here')).to.deep.equal([
      'error: --listen: is not HOST:PORT, e.g. 127.0.0.1:8443, [::1]:8443 or :8443',
    ]);
  });

  it('does not start on a folder without a policy', async () => {
    const empty = await temporaryFolder();
    expect(await refused('--standalone', empty.path, ...loopback, ...tls())).to.deep.equal([
      `error: ${empty.path}: the folder holds no ImagePolicy`,
    ]);
    await empty.remove();
  });

  it('reports a wrong certificate or key', async () => {
    const reported = async (cert: string, key: string) => {
      const { code, err } = await serve(
        '--listen',
        '127.0.0.1:0',
        '--tls-cert',
        file(cert),
        '--tls-key',
        file(key),
      );
      expect(code).to.equal(3);
      return err;
    };
    expect(await reported('tls.crt', 'other.key')).to.equal(
      'error: --tls-cert, --tls-key: the private key is not the one of the certificate\n',
    );
    for (const [cert, key] of [
      ['tls.crt', 'bad.pem'],
      ['bad.pem', 'tls.key'],
    ] as const) {
      expect(await reported(cert, key))
        .to.include('--tls-cert, --tls-key: ')
        .and.to.include('not PEM');
    }
  });

  it('reports an address that is in use or does not exist', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${String((taken.address() as AddressInfo).port)}`;
    expect(await serve('--listen', address, ...tls())).to.include({
      code: 3,
      err: `error: --listen ${address}: the address is in use already\n`,
    });
    await new Promise((resolve) => taken.close(resolve));
    const secret = ['--path-secret', file('path-secret')];
    expect((await serve('--listen', '203.0.113.7:8443', ...secret, ...tls())).err).to.include(
      'no such address',
    );
  });
});
