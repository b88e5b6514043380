import * as z from 'zod';
import type {
  DockerConfigText,
  Keychain,
  PullSecretLogins,
  RegistryLogin,
} from '../../../core/evidence/index.ts';
import { digestOf, nameOf, parseJson } from '../../../core/model/index.ts';

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

const DOCKER_HUB_KEYS: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

type Place = Parameters<Keychain>[0];

/** Reads a Docker config; `undefined` when it is not one. Its text is full of secrets and never repeated. */
export function parseDockerConfig(text: string): DockerConfig | undefined {
  const body = wire.safeParse(parseJson(text));
  if (!body.success) return undefined;
  const { auths, credHelpers, credsStore: store } = body.data;
  const logins: { readonly prefix: string; readonly login: RegistryLogin }[] = [];
  for (const [key, value] of Object.entries(auths ?? {})) {
    const login = loginIn(value);
    if (login === 'unreadable') return undefined;
    if (login !== undefined) logins.push({ prefix: normalise(key), login });
  }
  const helpers = new Map(Object.entries(credHelpers ?? {}).map(([key, name]) => [normalise(key), name]));
  return { logins: longestFirst(logins), helpers, store };
}

/** The sort is stable: among prefixes of one length the order stays. */
function longestFirst(logins: DockerConfig['logins']): DockerConfig['logins'] {
  return logins.toSorted((a, b) => b.prefix.length - a.prefix.length);
}

/** The login stored for the longest prefix of `registry/repository`, by whole path components. */
export function storedLogin(logins: DockerConfig['logins'], place: Place): RegistryLogin | undefined {
  const name = `${place.registry}/${place.repository}/`;
  return logins.find(({ prefix }) => name.startsWith(`${prefix}/`))?.login;
}

/** The form in which hosts are compared: no scheme, no API version, one name for Docker Hub. */
function normalise(key: string): string {
  const bare = key
    .replace(/^https?:\/\//i, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
  const slash = bare.indexOf('/');
  const host = (slash < 0 ? bare : bare.slice(0, slash)).toLowerCase();
  return `${DOCKER_HUB_KEYS.includes(host) ? 'docker.io' : host}${slash < 0 ? '' : bare.slice(slash)}`;
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

/** The user name under which credential helpers hand out an identity token instead of a password. */
const TOKEN_USER = '<token>';

export function loginOf(username: string, secret: string): RegistryLogin {
  return username === TOKEN_USER
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret };
}

/** Names a login without containing it, so that what was fetched for one is never handed to another. */
export function identityOf(login: RegistryLogin | undefined): string {
  return login === undefined ? 'anonymous' : digestOf(JSON.stringify(login));
}

/** The value of an `Authorization` header for HTTP Basic (RFC 7617); `undefined` for a login without a password. */
export function basic(login: RegistryLogin | undefined): string | undefined {
  if (login?.kind !== 'password') return undefined;
  return `Basic ${Buffer.from(`${login.username}:${login.password}`, 'utf8').toString('base64')}`;
}

/**
 * Reads the texts of `.dockerconfigjson`s, in the order of preference: the longest prefix wins over all of them, the first
 * among equals. Helpers named in them are not run: the text comes from any author of a secret.
 */
export function pullSecretLogins(configs: readonly DockerConfigText[]): PullSecretLogins {
  const read = configs.map(({ source, text }) => ({ source, config: parseDockerConfig(text) }));
  const logins = longestFirst(read.flatMap(({ config }) => config?.logins ?? []));
  const loginFor = (place: Place): RegistryLogin | undefined => storedLogin(logins, place);
  return {
    scope: digestOf(JSON.stringify(logins.map(({ prefix, login }) => [prefix, identityOf(login)]))),
    scopeOf: (places) => {
      const found = places.flatMap((place) => {
        const login = loginFor(place);
        return login ? [[place.registry, place.repository, identityOf(login)]] : [];
      });
      return found.length > 0 ? digestOf(JSON.stringify(found)) : undefined;
    },
    keychainFor: (places, own) => {
      const named = new Set(places.map(nameOf));
      return async (place, signal, access) =>
        (named.has(nameOf(place)) ? loginFor(place) : undefined) ?? own(place, signal, access);
    },
    keychain: (place) => Promise.resolve(loginFor(place)),
    unreadable: read.flatMap(({ source, config }) => (config === undefined ? [source] : [])),
  };
}
