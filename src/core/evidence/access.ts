import { unknown, type Clock, type Fact, type ImageRef, type Unknown } from '../model/index.ts';
import { learn, type Keychain, type RegistrySource, type Sources } from './ports.ts';

/** A registry read with certain logins. */
export interface Login {
  /** Names the logins without containing them; facts learned with them answer only under the same name. */
  readonly scope: string;
  readonly registry: RegistrySource;
}

/**
 * Finds the logins that an object names for the repositories that will be read. `absent` = it names none for them: the
 * controller's own logins are used. `unknown` = it names logins that cannot be read: to continue anonymously would answer
 * another question than the one that was asked.
 */
export type Access = (places: readonly ImageRef[]) => Promise<Fact<Login>>;

/** The sources to read these places with, or why they cannot be read. */
export async function sourcesFor(
  places: readonly ImageRef[],
  access: Access | undefined,
  sources: Sources,
): Promise<Sources | Unknown> {
  if (!access) return sources;
  const asked = await learn(() => access(places), sources);
  const login = asked.state === 'found' ? asked.value : asked;
  if (login.state === 'absent') return sources;
  if (login.state === 'unknown') return login;
  const { scope, registry } = login.value;
  return { ...sources, registry, memory: sources.memory.scoped(scope) };
}

/** Distinguishes sources from the reason why there are none. */
export function isUnknown(given: Sources | Unknown): given is Unknown {
  return 'state' in given;
}

/** The pull secrets that an object names, and the service account whose pull secrets count besides. */
export interface Credentials {
  readonly namespace: string;
  readonly pullSecrets: readonly string[];
  readonly serviceAccount: string;
}

/** The text of one `.dockerconfigjson`; `source` names where it was read, for messages. */
export interface DockerConfigText {
  readonly source: string;
  readonly text: string;
}

/** Logins of an object, e.g. from the pull secrets of a pod. */
export interface PullSecretLogins {
  /** Names all of the logins, without containing them; equal names mean that every login is equal. */
  readonly scope: string;
  /**
   * Names the logins that count for these places, without containing them; `undefined` when there is none for any of them.
   * Equal names mean equal logins, whatever object named them.
   */
  readonly scopeOf: (places: readonly Parameters<Keychain>[0][]) => string | undefined;
  /**
   * The logins that {@link scopeOf} these places names, and those of `own` for what it does not name: another object with the same
   * scope may have no other login of this one.
   */
  readonly keychainFor: (places: readonly Parameters<Keychain>[0][], own: Keychain) => Keychain;
  /** What is tried after {@link keychainFor}, in this order: further logins of the object, at last those of `own`. */
  readonly fallbacksFor: (places: readonly Parameters<Keychain>[0][], own: Keychain) => readonly Keychain[];
  /** The first login of the object for each place, and no other. */
  readonly keychain: Keychain;
  readonly unreadable: readonly string[];
}

/** What holds a login and was not read; `source` as `Secret acme/pull`. */
export interface UnreadableLogins {
  readonly source: string;
  /** Why, in a clause without a subject; never a word of what is secret. */
  readonly detail: string;
  readonly transient: boolean;
}

interface PullSecrets {
  readonly configs: readonly DockerConfigText[];
  readonly unreadable: readonly UnreadableLogins[];
}

/**
 * The Docker configs of the secrets named, in that order, and then those of the service account (`''` = `default`), each once.
 * What cannot be read, also because the signal fires first, is listed and never left out; does not reject for it.
 */
export type ReadPullSecrets = (
  asked: { readonly namespace: string; readonly names: readonly string[]; readonly serviceAccount: string },
  signal: AbortSignal,
) => Promise<PullSecrets>;

/** What finding logins takes; `own` are the controller's own logins. */
export interface AccessParts {
  readonly read: ReadPullSecrets;
  readonly loginsIn: (configs: readonly DockerConfigText[]) => PullSecretLogins;
  readonly registry: {
    /** `fallbacks` = logins for what the one before may not read, the installation's own last; then nobody's. */
    readonly as: (view: {
      readonly scope: string;
      readonly keychain: Keychain;
      readonly fallbacks: readonly Keychain[];
    }) => RegistrySource;
  };
  readonly own: Keychain;
  readonly clock: Clock;
}

/**
 * Reads registries as the kubelet would for this object: its pull secrets, then those of its service account, then the
 * controller's own logins. A secret that is named and cannot be read leaves the image unknown unless another login fits:
 * it never quietly becomes an anonymous read. Secrets are read at most once per request, and only if a registry is asked.
 */
export function accessFor(credentials: Credentials, parts: AccessParts, signal: AbortSignal): Access {
  const { pullSecrets: names, ...account } = credentials;
  let reading: Promise<PullSecrets> | undefined;
  return async (places): Promise<Fact<Login>> => {
    reading ??= parts.read({ ...account, names }, signal);
    const secrets = await reading;
    const brought = parts.loginsIn(secrets.configs);
    const detail = 'it holds no valid Docker config';
    const unreadable = [
      ...secrets.unreadable,
      ...brought.unreadable.map((source) => ({ source, detail, transient: false })),
    ];
    const [image] = places;
    if (unreadable.length > 0 && image && brought.scopeOf([image]) === undefined) {
      const whys = unreadable.map((one) => `${one.source}: ${one.detail}`).join('; ');
      const transient = unreadable.some((one) => one.transient);
      if (!(await parts.own(image, signal))) return unknown('PullSecretUnreadable', whys, transient);
    }
    const scope = brought.scopeOf(places);
    const seenAt = parts.clock();
    if (scope === undefined) return { state: 'absent', seenAt };
    const registry = parts.registry.as({
      scope,
      keychain: brought.keychainFor(places, parts.own),
      fallbacks: brought.fallbacksFor(places, parts.own),
    });
    return { state: 'found', value: { scope, registry }, seenAt };
  };
}
