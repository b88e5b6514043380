import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Keychain, RegistryLogin } from '../../../core/evidence/index.ts';
import { errorCode, parseJson } from '../../../core/model/index.ts';
import { runProgram, type Ending } from '../../io/index.ts';
import { deadline, fault } from '../fault.ts';
import { type DockerConfig, loginOf, parseDockerConfig, storedLogin } from './logins.ts';

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
    const server = place.registry === 'docker.io' ? DOCKER_HUB_SERVER : place.registry;
    const ask = (name: string): Promise<RegistryLogin | undefined> =>
      askHelper(`docker-credential-${name}`, server, options, signal);
    const helper = config.helpers.get(place.registry);
    if (helper !== undefined) return ask(helper);
    return storedLogin(config.logins, place) ?? (config.store === undefined ? undefined : ask(config.store));
  };
}

async function readConfig(file: string, signal: AbortSignal): Promise<DockerConfig | undefined> {
  const call = { doing: `read logins from ${file}` };
  let text: string;
  try {
    text = await readFile(file, { encoding: 'utf8', signal });
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    if (signal.aborted) throw deadline(call);
    throw fault(call, 'RegistryDenied', `the file cannot be read (${errorCode(cause)})`, { cause });
  }
  const config = parseDockerConfig(text);
  if (config === undefined) throw fault(call, 'RegistryDenied', 'it is not a valid Docker config');
  return config;
}

/** Longest a credential helper may take, in milliseconds: cloud helpers fetch a token, none needs longer. */
const HELPER_TIMEOUT_MS = 10_000;
/** Most output read from a credential helper, in bytes: tokens of the clouds have a few thousand. */
const MAX_HELPER_OUTPUT_BYTES = 256 * 1024;

const answer = z.object({ Username: z.string(), Secret: z.string().min(1) });

/**
 * Asks a credential helper, by `docker-credential-NAME get`, for the login of a server address (the protocol of
 * docker-credential-helpers): "not found" is no login, everything else that is not a login is a Fault. What the helper prints
 * may hold secrets and is never repeated.
 */
async function askHelper(
  command: string,
  server: string,
  { environment, helperTimeoutMs: timeoutMs = HELPER_TIMEOUT_MS }: DockerKeychainOptions,
  signal: AbortSignal,
): Promise<RegistryLogin | undefined> {
  const maxOutputBytes = MAX_HELPER_OUTPUT_BYTES;
  const program = { command, args: ['get'], input: server, environment, maxOutputBytes, timeoutMs, signal };
  const call = { doing: `ask ${command} for the login of ${server}` };
  const ending = await runProgram(program);
  if (ending.kind === 'cancelled') throw deadline(call);
  if (ending.kind !== 'ended') throw fault(call, 'RegistryDenied', ...whyStopped(ending));
  if (ending.code !== 0) {
    if (/credentials not found/i.test(ending.output.toString())) return undefined;
    throw fault(call, 'RegistryDenied', `it failed with exit code ${ending.code}`, { transient: true });
  }
  const read = answer.safeParse(parseJson(ending.output));
  if (!read.success) throw fault(call, 'RegistryDenied', 'it printed no login');
  return loginOf(read.data.Username, read.data.Secret);
}

function whyStopped(
  ending: Exclude<Ending, { readonly kind: 'ended' }>,
): [detail: string, more: { transient: boolean; cause?: unknown }] {
  if (ending.kind === 'too-much') return ['it printed more than a login', { transient: false }];
  if (ending.kind !== 'missing') return ['it did not answer in time', { transient: true }];
  const { cause } = ending;
  return errorCode(cause) === 'ENOENT'
    ? ['there is no such program in PATH', { transient: false, cause }]
    : ['it could not be run', { transient: true, cause }];
}
