import { parseJson } from '../../../core/model/index.ts';
import * as z from 'zod';
import type { RegistryLogin } from '../../../core/evidence/index.ts';
import { loginOf } from './login.ts';

/** What a Docker `config.json` (or a `.dockerconfigjson` secret) holds of logins. */
export interface DockerConfig {
  /** Logins by normalised host and optional path, longest first. */
  readonly logins: readonly { readonly prefix: string; readonly login: RegistryLogin }[];
  /** Names of credential helpers by normalised host. */
  readonly helpers: ReadonlyMap<string, string>;
  /** Name of the helper for every other host. */
  readonly store?: string;
}

const entry = z.object({
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
  registrytoken: z.string().nullish(),
});
// A helper's name becomes part of a program's name: never a path, never an option.
const helper = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/);
const wire = z.object({
  auths: z.record(z.string(), entry).nullish(),
  credHelpers: z.record(z.string(), helper).nullish(),
  credsStore: z
    .union([helper, z.literal('')])
    .nullish()
    .transform((name) => (name === '' ? undefined : (name ?? undefined))),
});

const DOCKER_HUB_KEYS: ReadonlySet<string> = new Set([
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
]);

/** Reads a Docker config; `undefined` when it is not one. Its text is full of secrets and never repeated. */
export function parseDockerConfig(text: string): DockerConfig | undefined {
  const body = wire.safeParse(parseJson(text));
  if (!body.success) return undefined;
  const logins = [];
  for (const [key, value] of Object.entries(body.data.auths ?? {})) {
    const login = loginIn(value);
    if (login === 'unreadable') return undefined;
    if (login !== undefined) logins.push({ prefix: normalise(key), login });
  }
  const helpers = Object.entries(body.data.credHelpers ?? {}).map(
    ([key, name]) => [normalise(key), name] as const,
  );
  return {
    logins: logins.toSorted((a, b) => b.prefix.length - a.prefix.length),
    helpers: new Map(helpers),
    store: body.data.credsStore,
  };
}

/** The login stored for the longest prefix of `registry/repository`, by whole path components. */
export function storedLogin(
  config: DockerConfig,
  place: { readonly registry: string; readonly repository: string },
): RegistryLogin | undefined {
  const name = `${place.registry}/${place.repository}/`;
  return config.logins.find(({ prefix }) => name.startsWith(`${prefix}/`))?.login;
}

/** The form in which hosts are compared: no scheme, no API version, one name for Docker Hub. */
function normalise(key: string): string {
  const bare = key
    .replace(/^https?:\/\//i, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
  const slash = bare.indexOf('/');
  const host = (slash < 0 ? bare : bare.slice(0, slash)).toLowerCase();
  return `${DOCKER_HUB_KEYS.has(host) ? 'docker.io' : host}${slash < 0 ? '' : bare.slice(slash)}`;
}

/** An entry without any secret is only a mark that a helper holds it. */
function loginIn(value: z.output<typeof entry>): RegistryLogin | undefined | 'unreadable' {
  if (value.identitytoken) return { kind: 'identity', token: value.identitytoken };
  if (value.registrytoken) return { kind: 'bearer', token: value.registrytoken };
  if (value.auth) {
    const [username, ...password] = Buffer.from(value.auth, 'base64').toString('utf8').split(':');
    if (!username || password.length === 0) return 'unreadable';
    return loginOf(username, password.join(':').replace(/\0+$/, ''));
  }
  return value.username && value.password ? loginOf(value.username, value.password) : undefined;
}
