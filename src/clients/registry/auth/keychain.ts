import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askHelper, HELPER_TIMEOUT_MS } from './credential-helper.ts';
import { parseDockerConfig, storedLogin, type DockerConfig } from './docker-config.ts';
import { deadline, errorCode, fault } from '../fault.ts';
import type { Keychain } from '../../../core/evidence/index.ts';

/** Where a {@link dockerKeychain} reads. */
export interface DockerKeychainOptions {
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
