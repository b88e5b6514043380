import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keychain, RegistryLogin } from '../../../core/evidence/index.ts';
import { errorCode } from '../../../core/model/index.ts';
import { deadline, fault } from '../fault.ts';
import { askHelper, type HelperOptions } from './credential-helper.ts';
import type { CloudIdentity } from '../clouds/clouds.ts';
import type { CloudOptions } from '../clouds/question.ts';
import { isFor, parseDockerConfig, storedLogin, type DockerConfig } from './logins.ts';

interface DockerKeychainOptions extends HelperOptions {
  /** The folder of the Docker `config.json`, e.g. `/home/acme/.docker`. */
  readonly directory: string;
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
 * means no logins; one that is there and cannot be read is a Fault `RegistryDenied` that names it, and so is the only entry for a
 * place when it cannot be read.
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
    const stored = storedLogin(config.logins, place);
    if (stored === undefined && config.broken.some((prefix) => isFor(prefix, place)))
      throw fault({ doing: `read logins from ${file}` }, 'RegistryDenied', NOT_VALID);
    return stored ?? (config.store === undefined ? undefined : ask(config.store));
  };
}

/**
 * The installation's own logins: those of {@link dockerKeychain}, and where it has none, those of the identities of clouds that cover
 * the registry. What logs in to clouds is loaded when the settings name one.
 */
export function ownKeychain(
  options: DockerKeychainOptions & CloudOptions & { readonly identities: readonly CloudIdentity[] },
): Keychain {
  const docker = dockerKeychain(options);
  if (options.identities.length === 0) return docker;
  let opened: Promise<Keychain> | undefined;
  const clouds = (): Promise<Keychain> =>
    (opened ??= import('../clouds/clouds.ts').then(({ cloudKeychain }) => cloudKeychain(options)));
  return async (place, signal) => (await docker(place, signal)) ?? (await clouds())(place, signal);
}

const NOT_VALID = 'it is not a valid Docker config';

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
  if (config === undefined) throw fault(call, 'RegistryDenied', NOT_VALID);
  return config;
}
