import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import ts from 'typescript';
import { createSignatureVerifier } from '../../../../src/clients/sigstore/index.ts';
import type { SignatureCandidate, Trust } from '../../../../src/core/model/index.ts';
import { createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import { encodeBundle, signBundle } from '../../../support/sigstore/sign.ts';
import { signingKey } from '../../../support/signing.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { bundled, image } from '../fixture.ts';

/** Of its processor time; without threads it takes 4 to 7. */
const MOST_MS = 2;
/** Other programs only ever add to it, so the best of some rounds counts. */
const ROUNDS = 4;
const SRC = resolve(import.meta.dirname, '../../../../src');

describe('threads', () => {
  let sigstore: Sigstore;
  let trust: Trust;
  let keyless: Uint8Array;
  let candidate: SignatureCandidate;
  before(async () => {
    sigstore = await createSigstore();
    trust = { keys: [], roots: [sigstore.root] };
    const bundle = await signBundle(sigstore, {
      ...(await sigstore.certify()),
      digest: image,
      timestamped: true,
    });
    keyless = encodeBundle(bundle);
    candidate = bundled(bundle);
  });

  it('verify certificates outside of the main thread', async () => {
    const verifier = createSignatureVerifier();
    const many = (count: number) =>
      Promise.all(Array.from({ length: count }, () => verifier.verify(candidate, image, trust)));
    await many(4); // threads start, code warms up
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = process.threadCpuUsage();
      const answers = await many(32);
      const { user, system } = process.threadCpuUsage(before);
      expect(answers.flat().every(({ state }) => state === 'proven')).to.equal(true);
      rounds.push((user + system) / 1_000 / answers.length);
    }
    await verifier.close();
    expect(Math.min(...rounds), 'milliseconds of this thread for each').to.be.below(MOST_MS);
  });

  it('are not started for keys', async () => {
    const key = signingKey();
    const verifier = createSignatureVerifier({ workers: 0 });
    const bundle = bundled(await signBundle(sigstore, { key, digest: image }));
    const [signature] = await verifier.verify(bundle, image, { keys: [key], roots: [sigstore.root] });
    expect(signature).to.deep.include({ state: 'proven', loggedBy: [sigstore.root.fingerprint] });
    await verifier.close();
  });

  it('leave a certificate unread, and not refused, after close', async () => {
    const verifier = createSignatureVerifier();
    await verifier.close();
    const [signature] = await verifier.verify(candidate, image, trust);
    expect(signature).to.deep.equal({
      state: 'unread',
      reason: { code: 'InternalError', detail: 'the signature verifier is closed' },
      transient: true,
    });
  });

  /** Runs a program that verifies the bundle and does not close the verifier. */
  async function run(index: string, cwd: string, flags: readonly string[] = []): Promise<unknown> {
    const file = join(cwd, 'question.json');
    await writeFile(file, JSON.stringify({ bundle: Buffer.from(keyless).toString('base64'), trust, image }));
    const program = `
      import { readFileSync } from 'node:fs';
      import { createSignatureVerifier } from ${JSON.stringify(index)};
      const { bundle, trust, image } = JSON.parse(readFileSync(${JSON.stringify(file)}, 'utf8'));
      const json = Buffer.from(bundle, 'base64');
      const { verify } = createSignatureVerifier();
      const [answer] = await verify({ form: 'bundle', digest: image, json }, image, trust);
      console.log(answer.state);`;
    const script = join(cwd, 'program.mjs');
    await writeFile(script, program);
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, script], {
      cwd,
      timeout: 8_000,
    });
    return stdout.trim();
  }

  it('keep the process alive only while they work', async () => {
    const folder = await temporaryFolder();
    expect(await run(join(SRC, 'clients/sigstore/index.ts'), folder.path, ['--no-warnings'])).to.equal(
      'proven',
    );
    await folder.remove();
  });

  it('start from compiled code too', async () => {
    const folder = await temporaryFolder();
    for (const room of ['clients/sigstore', 'clients/io', 'core/model']) await compile(room, folder.path);
    await symlink(resolve(SRC, '../node_modules'), join(folder.path, 'node_modules'));
    await folder.write('package.json', { type: 'module' });
    expect(await run(join(folder.path, 'clients/sigstore/index.js'), folder.path)).to.equal('proven');
    await folder.remove();
  });
});

/** Compiles the files of a room one by one, as the build does. */
async function compile(room: string, into: string): Promise<void> {
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  const names = await readdir(join(SRC, room), { recursive: true });
  for (const name of names.filter((each) => each.endsWith('.ts'))) {
    const fileName = join(SRC, room, name);
    const to = join(into, room, name.replace(/\.ts$/, '.js'));
    const { outputText } = ts.transpileModule(await readFile(fileName, 'utf8'), {
      compilerOptions,
      fileName,
    });
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, outputText);
  }
}
