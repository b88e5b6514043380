import { pullSecretLogins, type ViewOptions } from '../clients/registry/index.ts';
import type { Clock, Fact, Unknown } from '../core/model/index.ts';
import type { Access, Keychain, Login } from '../core/evidence/index.ts';

/** The pull secrets that an object names, and the service account whose own count besides. */
export interface Credentials {
  readonly namespace: string;
  readonly pullSecrets: readonly string[];
  readonly serviceAccount: string;
}

/** What could be read of the pull secrets that an object names. */
interface PullSecrets {
  readonly configs: readonly { readonly source: string; readonly text: string }[];
  readonly unreadable: readonly {
    readonly source: string;
    readonly detail: string;
    readonly transient: boolean;
  }[];
}

/** What finding logins takes. */
export interface AccessParts {
  readonly read: (
    asked: { readonly namespace: string; readonly names: readonly string[]; readonly serviceAccount: string },
    signal: AbortSignal,
  ) => Promise<PullSecrets>;
  readonly registry: { readonly as: (view: ViewOptions) => Login['registry'] };
  /** The controller's own logins. */
  readonly own: Keychain;
  readonly clock: Clock;
}

/**
 * Reads registries as the kubelet would for this object: its pull secrets, then those of its service account, then the
 * controller's own logins. A secret that is named and cannot be read leaves the image unknown unless another login fits:
 * it never quietly becomes an anonymous read. Secrets are read at most once per request, and only if a registry is asked.
 */
export function accessFor(credentials: Credentials, parts: AccessParts, signal: AbortSignal): Access {
  let reading: Promise<PullSecrets> | undefined;
  return async (places): Promise<Fact<Login>> => {
    const { namespace, pullSecrets: names, serviceAccount } = credentials;
    reading ??= parts.read({ namespace, names, serviceAccount }, signal);
    const secrets = await reading;
    const brought = pullSecretLogins(secrets.configs);
    const scope = brought.scopeOf(places);
    const unreadable = [
      ...secrets.unreadable,
      ...brought.unreadable.map((source) => ({
        source,
        detail: 'it holds no valid Docker config',
        transient: false,
      })),
    ];
    const [image] = places;
    if (unreadable.length > 0 && image && brought.scopeOf([image]) === undefined) {
      const own = await parts.own(image, signal);
      if (own === undefined) return unreadableSecrets(unreadable);
    }
    if (scope === undefined) return { state: 'absent', seenAt: parts.clock() };
    const login = {
      scope,
      registry: parts.registry.as({ scope, keychain: brought.keychainOver(parts.own) }),
    };
    return { state: 'found', value: login, seenAt: parts.clock() };
  };
}

function unreadableSecrets(unreadable: PullSecrets['unreadable']): Unknown {
  const detail = unreadable.map(({ source, detail: why }) => `${source}: ${why}`).join('; ');
  return {
    state: 'unknown',
    reason: { code: 'PullSecretUnreadable', detail },
    transient: unreadable.some(({ transient }) => transient),
  };
}
