import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { SignatureCandidate, Trust } from '../../src/core/model/index.ts';
import { createSigstore, type Sigstore } from '../support/sigstore/instance.ts';
import { encodeBundle, signBundle } from '../support/sigstore/sign.ts';
import { signingKey } from '../support/signing.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openSignatureVerifier } from '../support/threads.ts';
import { bundled, image } from '../clients/sigstore/fixture.ts';

/** Of its processor time; without threads it takes 4 to 7. */
const MOST_MS = 2;
/** Other programs only ever add to it, so the best of some rounds counts. */
const ROUNDS = 4;
const ROOT = resolve(import.meta.dirname, '../..');

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
    const verifier = openSignatureVerifier();
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
    const verifier = openSignatureVerifier({ threads: 0 });
    const bundle = bundled(await signBundle(sigstore, { key, digest: image }));
    const [signature] = await verifier.verify(bundle, image, { keys: [key], roots: [sigstore.root] });
    expect(signature).to.deep.include({ state: 'proven', loggedBy: [sigstore.root.fingerprint] });
    await verifier.close();
  });

  it('leave a certificate unread, and not refused, after close', async () => {
    const verifier = openSignatureVerifier();
    await verifier.close();
    const [signature] = await verifier.verify(candidate, image, trust);
    expect(signature).to.deep.equal({
      state: 'unread',
      reason: { code: 'InternalError', detail: 'verify a signature: the process is about to end' },
      transient: true,
    });
  });

  /** Runs a program that verifies the bundle and does not close the threads. `at` = where the rooms are. */
  async function run(at: string, extension: string, flags: readonly string[] = []): Promise<string> {
    const folder = await temporaryFolder();
    const question = { candidate: { form: 'bundle', digest: image }, digest: image, trust };
    const given = JSON.stringify({ question, json: Buffer.from(keyless).toString('base64') });
    const program = `
      import { openThreads } from ${JSON.stringify(join(at, `clients/threads/index.${extension}`))};
      const { question, json } = ${given};
      question.candidate.json = Buffer.from(json, 'base64');
      const entry = new URL(${JSON.stringify(pathToFileURL(join(at, `serve/worker.${extension}`)).href)});
      const outcome = await openThreads({ entry }).run('verify', question, { bytes: 1 });
      console.log(outcome.ok && outcome.value[0].state);`;
    const script = await folder.write('program.mjs', program);
    const ran = await promisify(execFile)(process.execPath, [...flags, script], { timeout: 20_000 });
    await folder.remove();
    return ran.stdout.trim();
  }

  it('keep the process alive only while they work', async () => {
    expect(await run(join(ROOT, 'src'), 'ts', ['--no-warnings'])).to.equal('proven');
  });
});
