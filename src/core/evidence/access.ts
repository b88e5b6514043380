import { unknown, type Clock, type Fact, type ImageRef, type Unknown } from '../model/index.ts';
import { learn, type Keychain, type RegistrySource, type Sources } from './ports.ts';

/** A registry read with certain logins. */
export interface Login {
  /** Names the logins without containing them; facts learned with them answer only under the same name. */
  readonly scope: string;
  readonly registry: RegistrySource;
}

/** Logins that an object names and that could not be read: the kubelet pulls without them, and so is read. */
export interface UnreadLogins {
  readonly why: Unknown;
  /** Whether no other login fits the image: that it is hidden or refused is not known then. */
  readonly isOnly: boolean;
}

/**
 * Finds the logins that an object names for the repositories that will be read. `absent` = it names none for them: the
 * controller's own logins are used. `unread` = some that it names could not be read.
 */
export type Access = (
  places: readonly ImageRef[],
) => Promise<Fact<Login> & { readonly unread?: UnreadLogins | undefined }>;

/** Sources with the logins of an object. */
interface Readable {
  readonly sources: Sources;
  readonly unread?: UnreadLogins | undefined;
}

/** The sources to read these places with, or why they cannot be read. */
export async function sourcesFor(
  places: readonly ImageRef[],
  access: Access | undefined,
  sources: Sources,
): Promise<Readable | Unknown> {
  if (!access) return { sources };
  const asked = await learn(() => access(places), sources);
  const login = asked.state === 'found' ? asked.value : asked;
  if (login.state === 'unknown') return login;
  const unread = 'unread' in login ? login.unread : undefined;
  if (login.state === 'absent') return { sources, unread };
  const { scope, registry } = login.value;
  return { sources: { ...sources, registry, memory: sources.memory.scoped(scope) }, unread };
}

/** Distinguishes sources from the reason why there are none. */
export function isUnknown(given: Readable | Unknown): given is Unknown {
  return 'state' in given;
}

/** The logins that could not be read, where there are sources without them. */
export function unreadIn(given: Readable | Unknown): UnreadLogins | undefined {
  return isUnknown(given) ? undefined : given.unread;
}

/** Why it is not known whether there is an image: the registry hides or refuses it without the logins that could not be read. */
export function hiddenWithout(
  unread: UnreadLogins | undefined,
  manifest: Fact<unknown>,
): Unknown | undefined {
  if (!unread?.isOnly || manifest.state === 'found') return undefined;
  const isRefused = manifest.state === 'absent' || manifest.reason.code === 'RegistryDenied';
  return isRefused ? unread.why : undefined;
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
  /** The second, third … login of the object for each place; as many as there are for this one. */
  readonly furtherFor: (place: Parameters<Keychain>[0]) => readonly Keychain[];
  /** What cannot be read, whole or in part; the other logins count all the same. */
  readonly unreadable: readonly UnreadableLogins[];
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
    /** `fallbacks` = logins for what the one before may not read, the installation's own last; then none. */
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
 * controller's own logins. A secret that is named and cannot be read is reported, and nothing is absent for want of it.
 * Secrets are read at most once per request, and only if a registry is asked.
 */
export function accessFor(credentials: Credentials, parts: AccessParts, signal: AbortSignal): Access {
  const { pullSecrets: names, ...account } = credentials;
  let reading: Promise<PullSecrets> | undefined;
  return async (places) => {
    reading ??= parts.read({ ...account, names }, signal);
    const secrets = await reading;
    const brought = parts.loginsIn(secrets.configs);
    // Own logins that cannot be read are reported when the registry asks for one.
    const hasNone = (image: ImageRef): Promise<boolean> =>
      parts.own(image, signal).then(
        (login) => login === undefined,
        () => false,
      );
    const isOnly = async ([image]: typeof places): Promise<boolean> =>
      image !== undefined && brought.scopeOf([image]) === undefined && (await hasNone(image));
    const why = unreadFor([...secrets.unreadable, ...brought.unreadable]);
    const unread = why && { why, isOnly: await isOnly(places) };
    const scope = brought.scopeOf(places);
    const seenAt = parts.clock();
    if (scope === undefined) return { state: 'absent', seenAt, unread };
    const registry = parts.registry.as({
      scope,
      keychain: brought.keychainFor(places, parts.own),
      fallbacks: brought.fallbacksFor(places, parts.own),
    });
    return { state: 'found', value: { scope, registry }, seenAt, unread };
  };
}

function unreadFor(unreadable: readonly UnreadableLogins[]): Unknown | undefined {
  if (unreadable.length === 0) return undefined;
  const whys = unreadable.map((one) => `${one.source}: ${one.detail}`).join('; ');
  const transient = unreadable.some((one) => one.transient);
  return unknown('PullSecretUnreadable', whys, transient);
}
