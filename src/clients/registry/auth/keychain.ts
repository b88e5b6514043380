import { parseJson, errorCode } from '../../../core/model/index.ts';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import * as z from 'zod';
import type { Keychain, RegistryLogin } from '../../../core/evidence/index.ts';
import { type DockerConfig, parseDockerConfig, storedLogin } from './docker-config.ts';
import { loginOf } from './login.ts';
import { deadline, fault } from '../fault.ts';

/** Where a {@link dockerKeychain} reads. */
interface DockerKeychainOptions {
  /** The folder of the Docker `config.json`, e.g. `/home/acme/.docker`. */
  readonly directory: string;
  /** Environment of the credential helpers; its `PATH` finds them. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds; {@link HELPER_TIMEOUT_MS} when not given. */
  readonly helperTimeoutMs?: number;
}

/** The key of Docker Hub in Docker configs and credential helpers, from the days of its first API. */
const DOCKER_HUB_SERVER = 'https://index.docker.io/v1/';

/** Where the Docker config lies; an empty variable is no variable, as for Docker itself. */
export function dockerDirectory({
  DOCKER_CONFIG = '',
  HOME = '',
}: Readonly<Record<string, string | undefined>>): string {
  return DOCKER_CONFIG === '' ? join(HOME === '' ? '/' : HOME, '.docker') : DOCKER_CONFIG;
}

/** No logins at all. */
export const anonymous: Keychain = () => Promise.resolve(undefined);

/**
 * Logins from a Docker config folder, read anew at each question so that a changed file counts at once: the helper named
 * for the host, else the stored login with the longest matching prefix, else the helper for everything. A missing file
 * means no logins; one that is there and cannot be read is a Fault `RegistryDenied` that names it.
 */
export function dockerKeychain(options: DockerKeychainOptions): Keychain {
  const file = join(options.directory, 'config.json');
  return async (place, signal) => {
    const config = await readConfig(file, signal);
    if (config === undefined) return undefined;
    const ask = (name: string): ReturnType<typeof askHelper> =>
      askHelper({
        name,
        server: place.registry === 'docker.io' ? DOCKER_HUB_SERVER : place.registry,
        environment: options.environment,
        timeoutMs: options.helperTimeoutMs ?? HELPER_TIMEOUT_MS,
        signal,
      });
    const helper = config.helpers.get(place.registry);
    if (helper !== undefined) return ask(helper);
    return storedLogin(config, place) ?? (config.store === undefined ? undefined : ask(config.store));
  };
}

async function readConfig(file: string, signal: AbortSignal): Promise<DockerConfig | undefined> {
  let text: string;
  try {
    text = await readFile(file, { encoding: 'utf8', signal });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (signal.aborted) throw deadline({ doing: `read logins from ${file}` });
    throw fault(
      { doing: `read logins from ${file}` },
      'RegistryDenied',
      `the file cannot be read (${errorCode(error)})`,
      {
        cause: error,
      },
    );
  }
  const config = parseDockerConfig(text);
  if (config === undefined) throw invalid(file);
  return config;
}

function invalid(source: string): Error {
  return fault({ doing: `read logins from ${source}` }, 'RegistryDenied', 'it is not a valid Docker config');
}

/** Longest a credential helper may take, in milliseconds: cloud helpers fetch a token, none needs longer. */
const HELPER_TIMEOUT_MS = 10_000;
/** Most output read from a credential helper, in bytes: tokens of the clouds have a few thousand. */
const MAX_HELPER_OUTPUT_BYTES = 256 * 1024;

/** Runs `docker-credential-NAME get` for a server address. */
interface HelperCall {
  readonly name: string;
  readonly server: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

const answer = z.object({ Username: z.string(), Secret: z.string().min(1) });

/**
 * Asks a credential helper (the protocol of docker-credential-helpers): "not found" is no login, everything else that is
 * not a login is a Fault. What the helper prints may hold secrets and is never repeated.
 */
async function askHelper(call: HelperCall): Promise<RegistryLogin | undefined> {
  const program = `docker-credential-${call.name}`;
  const doing = { doing: `ask ${program} for the login of ${call.server}` };
  const denied = (detail: string, transient = false, cause?: unknown): Error =>
    fault(doing, 'RegistryDenied', detail, { transient, cause });
  let outcome: Outcome | 'too much';
  try {
    outcome = await run(program, call);
  } catch (error) {
    if (call.signal.aborted) throw deadline(doing);
    if (errorCode(error) === 'ENOENT') throw denied('there is no such program in PATH', false, error);
    throw denied(
      errorCode(error) === 'ABORT_ERR' ? 'it did not answer in time' : 'it could not be run',
      true,
      error,
    );
  }
  if (outcome === 'too much') throw denied('it printed more than a login');
  if (outcome.code !== 0) {
    if (/credentials not found/i.test(outcome.output)) return undefined;
    throw denied(`it failed with exit code ${String(outcome.code)}`, true);
  }
  const read = answer.safeParse(parseJson(outcome.output));
  if (!read.success) throw denied('it printed no login');
  return loginOf(read.data.Username, read.data.Secret);
}

async function run(program: string, call: HelperCall): Promise<Outcome | 'too much'> {
  const child = spawn(program, ['get'], {
    env: call.environment,
    stdio: ['pipe', 'pipe', 'ignore'],
    signal: AbortSignal.any([call.signal, AbortSignal.timeout(call.timeoutMs)]),
    killSignal: 'SIGKILL',
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  exited.catch(() => undefined); // awaited below; reading may throw first
  child.stdin.on('error', () => undefined); // a helper that exits without reading is judged by its exit code
  child.stdin.end(call.server);
  const output = await readOutput(child);
  if (output === undefined) {
    child.kill('SIGKILL');
    await exited;
    return 'too much';
  }
  return { code: await exited, output };
}

async function readOutput(child: ChildProcessByStdio<Writable, Readable, null>): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > MAX_HELPER_OUTPUT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
