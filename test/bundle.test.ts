import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Digest } from '../src/core/model/index.ts';
import { httpsClient } from './support/https-request.ts';
import { policyDocument } from './support/policies.ts';
import { startRegistry, type EmbeddedRegistry } from './support/registry/index.ts';
import { pushImage, pushReferrer } from './support/registry/push.ts';
import { podReview } from './support/reviews.ts';
import { BUNDLE_MEDIA_TYPE, SIGN_PREDICATE_TYPE } from './support/signing.ts';
import { OPENID_ISSUER, WORKFLOW } from './support/sigstore/fulcio.ts';
import { createSigstore, type Sigstore } from './support/sigstore/instance.ts';
import { encodeBundle, signBundle } from './support/sigstore/sign.ts';
import { temporaryFolder, type TemporaryFolder } from './support/temporary-folder.ts';
import { startWebhookProcess } from './support/webhook-process.ts';

const root = new URL('..', import.meta.url).pathname;
const run = promisify(execFile);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The content of the image: everything that `npm run bundle` writes, except source maps, in a separate folder. */
describe('the bundle', function () {
  this.timeout(60_000);
  let folder: TemporaryFolder;
  let program: string;
  let registry: EmbeddedRegistry;
  let signed: string;
  let unsigned: string;

  before(async () => {
    folder = await temporaryFolder();
    registry = await startRegistry();
    await run('npm', ['run', '--silent', 'bundle'], { cwd: root });
    const app = join(folder.path, 'app');
    await cp(join(root, 'dist', 'bundle'), app, { recursive: true });
    for (const name of await readdir(app, { recursive: true }))
      if (name.endsWith('.map')) await rm(join(app, name));
    program = join(app, 'pratique.js');
    const sigstore = await createSigstore();
    signed = await pushSigned(registry.host, sigstore);
    await pushImage({ registry: registry.host, repository: 'shop/unsigned', tag: '1.0' });
    unsigned = `${registry.host}/shop/unsigned:1.0`;
    const trustRoot = { configMapRef: { name: 'sigstore', key: 'trusted_root.json' } };
    const holder = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'sigstore' },
      data: { 'trusted_root.json': sigstore.root.json },
    };
    const policies = [holder, keylessPolicy({ trustRoot })];
    await folder.write('policies.yaml', policies.map((one) => JSON.stringify(one)).join('\n---\n'));
  });
  after(async () => {
    await registry.close();
    await folder.remove();
  });

  const start = (...args: readonly string[]): Promise<Ended> =>
    run(process.execPath, [program, ...args], { env: { HOME: folder.path } }).then(
      (said) => ({ code: 0, ...said }),
      (error: unknown) => error as Ended,
    );

  it('contains one data file, and no library', async () => {
    const app = join(folder.path, 'app');
    const files = (await readdir(app, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(app.length + 1));
    expect(files.sort()).to.deep.equal([
      'lib/worker.js',
      'lib/worker.js.LEGAL.txt',
      'node_modules/@sigstore/tuf/seeds.json',
      'package.json',
      'pratique.js',
      'pratique.js.LEGAL.txt',
    ]);
  });

  it('knows its version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect((await start('version')).stdout).to.equal(`${version}\n`);
  });

  it('verifies keyless signatures in its worker threads', async () => {
    const given = ['--policies', join(folder.path, 'policies.yaml')];
    const [good, bad] = await Promise.all([
      start('check', signed, ...given),
      start('check', unsigned, ...given),
    ]);
    expect([good.code, bad.code], good.stdout + good.stderr).to.deep.equal([0, 1]);
    expect(bad.stdout).to.include('Unsigned');
  });

  it('has the trust root of the public Sigstore', async () => {
    const file = await folder.write('public.yaml', keylessPolicy({}));
    const { code, stdout } = await start('check', signed, '--policies', file);
    expect(code).to.equal(1);
    expect(stdout).to.include('Unsigned').and.include('no trusted authority issued');
  });

  it('serves the webhook', async () => {
    const webhook = await startWebhookProcess(
      { 'policies.yaml': await readFile(join(folder.path, 'policies.yaml'), 'utf8') },
      program,
    );
    const client = httpsClient(webhook.url, webhook.ca);
    const ask = async (image: string) => {
      const { text } = await client.post('/validate?timeout=10s', JSON.stringify(podReview([image])));
      return (JSON.parse(text) as { response: { allowed: boolean } }).response.allowed;
    };
    try {
      expect([await ask(signed), await ask(unsigned)]).to.deep.equal([true, false]);
    } finally {
      await client.close();
      await webhook.close();
    }
  });
});

/** Without a trust root in the authority, the public one counts. */
function keylessPolicy(authority: object): object {
  const keyless = { issuer: OPENID_ISSUER, subject: WORKFLOW };
  return policyDocument({
    authorities: [{ name: 'ci', keyless, ...authority }],
    require: { signatures: { from: ['ci'] } },
  });
}

async function pushSigned(host: string, sigstore: Sigstore): Promise<string> {
  const target = { registry: host, repository: 'shop/signed', tag: '1.0' };
  const image = await pushImage(target);
  const bundle = await signBundle(sigstore, {
    ...(await sigstore.certify()),
    digest: image.digest as Digest,
    predicateType: SIGN_PREDICATE_TYPE,
    version: '0.3',
  });
  await pushReferrer(target, {
    subject: image,
    artifactType: BUNDLE_MEDIA_TYPE,
    annotations: { 'dev.sigstore.bundle.predicateType': SIGN_PREDICATE_TYPE },
    blobs: [{ mediaType: BUNDLE_MEDIA_TYPE, bytes: encodeBundle(bundle) }],
  });
  return `${host}/shop/signed:1.0`;
}
