import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { startProxy, type ForwardProxy } from '../../support/registry/proxy.ts';
import { OPENID_ISSUER, WORKFLOW } from '../../support/sigstore/fulcio.ts';
import { createSigstore } from '../../support/sigstore/instance.ts';
import { identityToken } from '../../support/sigstore/servers.ts';
import { serveTuf } from '../../support/sigstore/tuf-repository.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const rooms = new URL('../../../src/clients/', import.meta.url);
const run = promisify(execFile);

const POLICY = `apiVersion: pratique.dev/v1alpha1
kind: ImagePolicy
metadata: { name: all }
spec: { match: { images: ['**'] }, enforcement: Deny, require: { quarantine: {} } }
`;

describe('a process behind a proxy', () => {
  let folder: TemporaryFolder;
  let proxy: ForwardProxy;
  afterEach(async () => {
    await proxy.close();
    await folder.remove();
  });
  /** What Node prints with these variables and no others. */
  const node = async (args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> => {
    const { PATH = '' } = process.env;
    const ended = await run(process.execPath, args, { env: { PATH, HOME: folder.path, ...env } }).catch(
      (error: unknown) => error as { stdout: string; stderr: string },
    );
    return ended.stdout + ended.stderr;
  };

  it('N17 asks it for a registry, with a login that is shown nowhere', async () => {
    folder = await temporaryFolder({ 'policy.yaml': POLICY });
    proxy = await startProxy({ route: () => undefined, login: 'acme:hush-hush' });
    const image = 'registry.corp-only.example/shop/web:1';
    const check = [main, 'check', '--policies', `${folder.path}/policy.yaml`, image];
    const url = (login: string): string => proxy.url.replace('//', `//${login}@`);
    const printed = await node(check, { HTTPS_PROXY: url('acme:hush-hush') });
    expect(printed).to.include('answered 502').and.include(proxy.host);
    const refused = await node(check, { https_proxy: url('acme:hush-hosh') });
    expect(refused).to.include('answered 407');
    expect(printed + refused).to.not.match(/hush-h/);
    expect(new Set(proxy.seen)).to.deep.equal(new Set(['CONNECT registry.corp-only.example:443']));
  });

  it('fetches trust roots, and signs, through the one that settings name', async () => {
    const sigstore = await createSigstore();
    const repository = await serveTuf(sigstore.root.json);
    folder = await temporaryFolder({ 'root.json': repository.rootJson });
    proxy = await startProxy({ route: () => Number(new URL(repository.url).port) });
    const token = identityToken({ iss: OPENID_ISSUER, sub: WORKFLOW });
    // A process of its own: the library reads the variables of its process once.
    const script = `
      const { openProxies } = await import('${new URL('http/index.ts', rooms).href}');
      const { openKeylessSigner, refreshPublicGoodRoot } = await import('${new URL('sigstore/index.ts', rooms).href}');
      const none = () => Promise.resolve({ ok: true, value: '' });
      const setEnvironment = (variables) => Object.assign(process.env, variables);
      const settings = { https: '${proxy.url}', http: '${proxy.url}', caFiles: [] };
      await openProxies(settings, { environment: {}, setEnvironment, readText: none, readCertificates: none });
      const how = { rootPath: '${folder.path}/root.json', retries: 0, timeoutMs: 5_000 };
      const mirrorURL = 'http://tuf.corp-only.example';
      const root = await refreshPublicGoodRoot({ ...how, cachePath: '${folder.path}/cache', mirrorURL });
      console.log(root.ok);
      const servers = { fulcioURL: 'http://fulcio.corp-only.example', rekorURL: 'http://rekor.corp-only.example' };
      const signer = openKeylessSigner({ ...servers, identityToken: '${token}', retries: 0, timeoutMs: 5_000 });
      const image = { registry: 'registry.example.com', repository: 'shop/web', digest: 'sha256:${'0'.repeat(64)}' };
      await signer.value.signImage(image, {}, AbortSignal.timeout(10_000)).catch(() => undefined);
    `;
    const printed = await node(['--input-type=module', '-e', script], {});
    await repository.close();
    expect(printed).to.include('true');
    const hosts = ['tuf.corp-only.example', 'fulcio.corp-only.example'];
    for (const host of hosts) expect(proxy.seen.join(' ')).to.include(host);
  });
});
