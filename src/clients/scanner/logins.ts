import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegistryLogin } from '../../core/evidence/index.ts';

/** The key of Docker Hub in Docker configs, from the days of its first API. */
const DOCKER_HUB_SERVER = 'https://index.docker.io/v1/';

/**
 * Writes a Docker config with this login, or with none, into `folder` and returns its folder, to be named by `DOCKER_CONFIG`.
 * A file, because arguments can be read by every process of the machine, and because unlike `TRIVY_PASSWORD` it names
 * its registry. Also without a login: else Trivy would take those it finds in the home folder.
 */
export async function writeLogins(
  folder: string,
  registry: string,
  login: RegistryLogin | undefined,
): Promise<string> {
  const place = join(folder, 'docker');
  const key = registry === 'docker.io' ? DOCKER_HUB_SERVER : registry;
  const auths = login === undefined ? {} : { [key]: entryOf(login) };
  await mkdir(place, { mode: 0o700 });
  await writeFile(join(place, 'config.json'), JSON.stringify({ auths }), { mode: 0o600, flag: 'wx' });
  return place;
}

/** What must never be seen of a login. */
export function secretsOf(login: RegistryLogin | undefined): readonly string[] {
  if (login === undefined) return [];
  return login.kind === 'password' ? [login.password, auth(login)] : [login.token];
}

function entryOf(login: RegistryLogin): Readonly<Record<string, string>> {
  switch (login.kind) {
    case 'password':
      return { auth: auth(login) };
    case 'identity':
      return { identitytoken: login.token };
    case 'bearer':
      return { registrytoken: login.token };
  }
}

function auth({ username, password }: Extract<RegistryLogin, { kind: 'password' }>): string {
  return Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
}
