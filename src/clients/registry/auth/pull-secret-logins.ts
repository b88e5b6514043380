import { digestOf } from '../../../core/model/index.ts';
import { parseDockerConfig, storedLogin, type DockerConfig } from './docker-config.ts';
import type { Keychain, RegistryLogin } from '../../../core/evidence/index.ts';
import { identityOf } from './login.ts';

/** A repository as logins are looked up by. */
type Place = Parameters<Keychain>[0];

/** Logins of an object, e.g. from the pull secrets of a pod. */
interface PullSecretLogins {
  /**
   * Names the logins that count for these places, without containing them; `undefined` when there is none for any of them.
   * Equal names mean equal logins, whatever object named them.
   */
  readonly scopeOf: (places: readonly Place[]) => string | undefined;
  /** The login of the object for a place, else that of `own`. */
  readonly keychainOver: (own: Keychain) => Keychain;
  /** Sources whose text is not a Docker config. */
  readonly unreadable: readonly string[];
}

/**
 * Reads the texts of `.dockerconfigjson`s, in the order of preference: the longest prefix wins over all of them, the first
 * among equals. Helpers named in them are not run: the text comes from any author of a secret.
 */
export function pullSecretLogins(
  configs: readonly { readonly source: string; readonly text: string }[],
): PullSecretLogins {
  const read = configs.map(({ source, text }) => ({ source, config: parseDockerConfig(text) }));
  const logins = read.flatMap(({ config }) => config?.logins ?? []);
  // A stable sort keeps the order of preference among prefixes of one length.
  const all: DockerConfig = {
    logins: logins.toSorted((a, b) => b.prefix.length - a.prefix.length),
    helpers: new Map(),
  };
  const loginFor = (place: Place): RegistryLogin | undefined => storedLogin(all, place);
  return {
    scopeOf: (places) => {
      const found = places.flatMap((place) => {
        const login = loginFor(place);
        return login ? [[place.registry, place.repository, identityOf(login)]] : [];
      });
      return found.length > 0 ? digestOf(JSON.stringify(found)) : undefined;
    },
    keychainOver: (own) => (place, signal) => {
      const login = loginFor(place);
      return login ? Promise.resolve(login) : own(place, signal);
    },
    unreadable: read.flatMap(({ source, config }) => (config === undefined ? [source] : [])),
  };
}
