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
  /** Logins by normalised host and optional path, in the order in which they are tried. */
  readonly logins: readonly { readonly prefix: string; readonly login: RegistryLogin }[];
  /** Hosts and paths of the entries that cannot be read. */
  readonly broken: readonly string[];
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
  auths: z.record(z.string(), z.unknown()).nullish(),
  credHelpers: z.record(z.string(), helper).nullish(),
  credsStore: z
    .union([helper, z.literal('')])
    .nullish()
    .transform((name) => (name === '' ? undefined : (name ?? undefined))),
});

const DOCKER_HUB_KEYS: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

type Place = Parameters<Keychain>[0];

/** Most logins of an object that are tried at a repository: each costs up to three requests within one deadline. */
export const MAX_LOGINS_TRIED = 8;

/** Reads a Docker config; `undefined` when it is not one. Its text is full of secrets and never repeated. */
export function parseDockerConfig(text: string): DockerConfig | undefined {
  const body = wire.safeParse(parseJson(text));
  if (!body.success) return undefined;
  const { auths, credHelpers, credsStore: store } = body.data;
  const helpers = new Map(Object.entries(credHelpers ?? {}).map(([key, name]) => [normalise(key), name]));
  return { ...loginsIn(auths ?? {}), helpers, store };
}

function loginsIn(auths: Readonly<Record<string, unknown>>): Pick<DockerConfig, 'logins' | 'broken'> {
  const logins: { readonly prefix: string; readonly login: RegistryLogin }[] = [];
  const broken: string[] = [];
  for (const [key, value] of Object.entries(auths)) {
    const read = entry.safeParse(value);
    const login = read.success ? loginIn(read.data) : 'unreadable';
    if (login === 'unreadable') broken.push(normalise(key));
    else if (login !== undefined) logins.push({ prefix: normalise(key), login });
  }
  return { logins: inOrder(logins), broken };
}

/** Plain hosts before patterns, longer ones first. The sort is stable: among equals the order stays. */
function inOrder(logins: DockerConfig['logins']): DockerConfig['logins'] {
  const isPattern = (prefix: string): number => Number(/[*?]/.test(prefix));
  return logins.toSorted(
    ({ prefix: a }, { prefix: b }) => isPattern(a) - isPattern(b) || b.length - a.length,
  );
}

/** The login stored for the longest prefix of `registry/repository`, by whole path components. */
export function storedLogin(logins: DockerConfig['logins'], place: Place): RegistryLogin | undefined {
  return logins.find(({ prefix }) => isFor(prefix, place))?.login;
}

/**
 * Whether a key of a Docker config is for a place, as the kubelet matches them: `*` and `?` stand for characters inside one label of
 * the host, never for a dot; the port is equal; the path is a prefix, by whole components.
 */
export function isFor(prefix: string, { registry, repository }: Place): boolean {
  const slash = prefix.indexOf('/');
  const host = slash < 0 ? prefix : prefix.slice(0, slash);
  const path = slash < 0 ? '/' : `${prefix.slice(slash)}/`;
  if (!`/${repository}/`.startsWith(path)) return false;
  return host === registry || isForHost(host, registry);
}

function isForHost(pattern: string, registry: string): boolean {
  const [[globs = '', ...port], [labels = '', ...actual]] = [pattern.split(':'), registry.split(':')];
  if (port.join(':') !== actual.join(':')) return false;
  const [wanted, given] = [globs.split('.'), labels.split('.')];
  return wanted.length === given.length && wanted.every((glob, n) => fits(glob, given[n] ?? ''));
}

/** Matches `*` and `?`, in time that grows with the product of both lengths at most: any author of a Secret writes patterns. */
function fits(glob: string, label: string): boolean {
  let [at, star, from] = [0, -1, 0];
  for (let n = 0; n < label.length;) {
    if (glob[at] === '*') [star, from, at] = [at, n, at + 1];
    else if (glob[at] === '?' || glob[at] === label[n]) [at, n] = [at + 1, n + 1];
    else if (star < 0) return false;
    else [at, from, n] = [star + 1, from + 1, from + 1];
  }
  return /^\**$/.test(glob.slice(at));
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
    if (password.length === 0) return 'unreadable';
    if (!username) return password.join('') === '' ? undefined : 'unreadable'; // `Og==`, as charts write "no login"
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

/** The name of no login. */
export const ANONYMOUS = 'anonymous';

/** Names a login without containing it, so that what was fetched for one is never handed to another. */
export function identityOf(login: RegistryLogin | undefined): string {
  return login === undefined ? ANONYMOUS : digestOf(JSON.stringify(login));
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
  const read = configs.map(({ source, text }) => ({ source, config: parseSecret(text) }));
  const logins = inOrder(read.flatMap(({ config }) => config?.logins ?? []));
  const loginFor = (place: Place): RegistryLogin | undefined => storedLogin(logins, place);
  const loginsFor = (place: Place): readonly RegistryLogin[] => {
    const fitting = logins.filter(({ prefix }) => isFor(prefix, place));
    const distinct = new Map(fitting.map(({ login }) => [identityOf(login), login]));
    return [...distinct.values()].slice(0, MAX_LOGINS_TRIED);
  };
  const nth = (n: number, places: readonly Place[], own: Keychain): Keychain => {
    const named = new Set(places.map(nameOf));
    return async (place, signal, access) =>
      (named.has(nameOf(place)) ? loginsFor(place)[n] : undefined) ?? own(place, signal, access);
  };
  return {
    scope: digestOf(JSON.stringify(logins.map(({ prefix, login }) => [prefix, identityOf(login)]))),
    scopeOf: (places) => {
      const found = places.flatMap((place) => {
        const names = loginsFor(place).map(identityOf);
        return names.length > 0 ? [[place.registry, place.repository, ...names]] : [];
      });
      return found.length > 0 ? digestOf(JSON.stringify(found)) : undefined;
    },
    keychainFor: (places, own) => nth(0, places, own),
    fallbacksFor: (places, own) => {
      const most = Math.max(0, ...places.map((place) => loginsFor(place).length));
      return [...Array.from({ length: most }, (_, n) => nth(n, places, own)).slice(1), own];
    },
    keychain: (place) => Promise.resolve(loginFor(place)),
    furtherFor: (place) =>
      loginsFor(place)
        .map(
          (_, n): Keychain =>
            (other) =>
              Promise.resolve(loginsFor(other)[n]),
        )
        .slice(1),
    unreadable: read.flatMap(({ source, config }) => {
      const detail = config ? brokenIn(config) : 'it holds no valid Docker config';
      return detail === undefined ? [] : [{ source, detail, transient: false }];
    }),
  };
}

/** Entries are counted and not named: people write passwords into URLs. */
function brokenIn({ logins, broken }: Pick<DockerConfig, 'logins' | 'broken'>): string | undefined {
  if (broken.length === 0) return undefined;
  return `${broken.length} of its ${broken.length + logins.length} entries cannot be read`;
}

const secretWire = wire.pick({ auths: true });

/** Only the logins: what a secret says of helpers is not used, and may be anything. */
function parseSecret(text: string): ReturnType<typeof loginsIn> | undefined {
  const body = secretWire.safeParse(parseJson(text));
  return body.success ? loginsIn(body.data.auths ?? {}) : undefined;
}
