// The product as its own process, serving a folder of policies over HTTPS: used by the demo and the benchmarks.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from './certificates.ts';

/** A webhook that listens. */
export interface WebhookProcess {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  /** PEM of the authority that signed its certificate. */
  readonly ca: string;
  /** The folder of policies, certificate and key. */
  readonly folder: string;
  readonly pid: number;
  /** Stops it, waits for its end, and removes the folder. */
  close(): Promise<void>;
}

/** Milliseconds from start to listening; generous, for a busy machine. */
const START_MS = 20_000;

/** Starts `serve --standalone` on any free port with these files (name → content) as its folder of policies. */
export async function startWebhookProcess(
  files: Readonly<Record<string, string>>,
  program = new URL('../../src/main.ts', import.meta.url).pathname,
): Promise<WebhookProcess> {
  const root = await mkdtemp(join(tmpdir(), 'pratique-'));
  const folder = join(root, 'policies');
  const authority = await createAuthority('webhook');
  const leaf = await authority.issue({
    commonName: 'localhost',
    dns: ['localhost'],
    ips: ['127.0.0.1'],
    usage: 'server',
  });
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await writeFile(join(root, 'tls.crt'), leaf.cert);
  await writeFile(join(root, 'ca.crt'), authority.cert);
  await writeFile(join(root, 'tls.key'), leaf.key, { mode: 0o600 });
  const tls = ['--tls-cert', join(root, 'tls.crt'), '--tls-key', join(root, 'tls.key')];
  const args = [program, 'serve', '--standalone', folder, '--listen', '127.0.0.1:0', ...tls];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async () => {
    child.kill('SIGTERM');
    await exited;
    await rm(root, { recursive: true, force: true });
  };
  try {
    return {
      url: await listening(child.stderr, exited),
      ca: authority.cert,
      folder,
      pid: child.pid ?? 0,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listening(stderr: NodeJS.ReadableStream, exited: Promise<void>): Promise<string> {
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const failed = (why: string) => reject(new Error(`the webhook ${why}:\n${said}`));
  const timer = setTimeout(() => failed('did not listen in time'), START_MS);
  stderr.on('data', (chunk: Buffer) => {
    if (said.length < 65_536) said += chunk.toString();
    const url = /listening on (\S+)/.exec(said)?.[1];
    if (url !== undefined) resolve(url);
  });
  void exited.then(() => failed('ended'));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
