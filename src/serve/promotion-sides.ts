import {
  anonymous,
  createRegistry,
  pullSecretLogins,
  type Registry,
  type RegistryOptions,
  type RegistryView,
} from '../clients/registry/index.ts';
import {
  parsed,
  parseReference,
  problem,
  type ImageRef,
  type Parsed,
  type Problem,
} from '../core/model/index.ts';
import type { Keychain } from '../core/evidence/index.ts';
import type { PromotionSide } from '../core/promotion/index.ts';
import { entryOf, type PromotionSecrets } from '../core/promotion/index.ts';

/** One side of a promotion, opened. */
export interface OpenSide {
  /** Its repository. */
  readonly place: ImageRef;
  readonly view: RegistryView;
  readonly keychain: Keychain;
  readonly scope: string;
  /** Whether a login is known for it. */
  readonly authenticated: boolean;
  readonly insecureHosts: readonly string[];
  readonly ca: string;
  readonly close: () => Promise<void>;
}

/** What sides are opened with. */
export interface SideParts {
  /** The client that everybody shares, with its connections and budgets. */
  readonly registry: Registry;
  readonly own: Keychain;
  /** How a client of its own is made, for a side with authorities or a plainness of its own. */
  readonly options: Omit<RegistryOptions, 'keychain'>;
  readonly material: PromotionSecrets;
  /** Pull secrets of a service account of the same namespace; absent = there are none here. */
  readonly accountSecrets?: (
    name: string,
    signal: AbortSignal,
  ) => Promise<Parsed<readonly { readonly source: string; readonly text: string }[]>>;
}

const DOCKER_CONFIG = '.dockerconfigjson';
const CA = 'ca.crt';

/**
 * Opens one side with the login that it names, or else with Pratique's own. A Secret that is named and has no login for this
 * repository is a problem: going on as nobody would turn a broken setup into "there is no such image".
 */
export async function openSide(
  which: 'source' | 'target',
  side: PromotionSide,
  parts: SideParts,
  signal: AbortSignal,
): Promise<Parsed<OpenSide>> {
  const path = `spec.${which}`;
  const read = parseReference(side.repository);
  if (!read.ok) return problem(`${path}.repository`, read.problems[0]?.message ?? 'is not valid');
  const { registry: host, repository } = read.value;
  const place: ImageRef = { registry: host, repository };
  const logins = await loginsOf(path, side, { ...parts, place }, signal);
  const ca = side.caSecretRef
    ? entryOf(parts.material.secret(side.caSecretRef.name), CA, `${path}.caSecretRef`)
    : parsed(parts.options.ca ?? '');
  if (!logins.ok) return logins;
  if (!ca.ok) return ca;
  const insecureHosts = [...(parts.options.insecureHosts ?? []), ...(side.insecure ? [host] : [])];
  const { registry, close } = clientFor(side, { ...parts, insecureHosts, ca: ca.value });
  const { keychain, scope, authenticated } = logins.value;
  const view = registry.as({ scope, keychain, side: which });
  return parsed({ place, view, keychain, scope, authenticated, insecureHosts, ca: ca.value, close });
}

/** The client that everybody shares, or one of its own for a side that trusts or speaks otherwise. */
function clientFor(
  { insecure, caSecretRef }: PromotionSide,
  parts: SideParts & Pick<OpenSide, 'insecureHosts' | 'ca'>,
): { readonly registry: Registry; readonly close: () => Promise<void> } {
  if (!insecure && !caSecretRef) return { registry: parts.registry, close: () => Promise.resolve() };
  const { options, insecureHosts, ca } = parts;
  const registry = createRegistry({
    ...options,
    keychain: anonymous,
    insecureHosts,
    ...(ca !== '' && { ca }),
  });
  return { registry, close: () => registry.close() };
}

interface Logins {
  readonly keychain: Keychain;
  readonly scope: string;
  readonly authenticated: boolean;
}

async function loginsOf(
  path: string,
  side: PromotionSide,
  { material, own, accountSecrets, place }: SideParts & { readonly place: ImageRef },
  signal: AbortSignal,
): Promise<Parsed<Logins>> {
  const { secretRef, serviceAccountName } = side;
  if (secretRef) {
    const text = entryOf(material.secret(secretRef.name), DOCKER_CONFIG, `${path}.secretRef`);
    if (!text.ok) return text;
    const source = `Secret ${secretRef.name}`;
    return brought([{ source, text: text.value }], `${path}.secretRef`, place);
  }
  if (serviceAccountName !== undefined) {
    const where = `${path}.serviceAccountName`;
    if (!accountSecrets) return problem(where, 'needs a cluster; name a Secret by secretRef here');
    const configs = await accountSecrets(serviceAccountName, signal);
    return configs.ok ? brought(configs.value, where, place) : under(where, configs.problems);
  }
  const login = await own(place, signal);
  return parsed({ keychain: own, scope: 'own', authenticated: login !== undefined });
}

function under(path: string, problems: readonly Problem[]): Parsed<never> {
  return { ok: false, problems: problems.map(({ message }) => ({ path, message })) };
}

function brought(
  configs: readonly { readonly source: string; readonly text: string }[],
  path: string,
  place: ImageRef,
): Parsed<Logins> {
  const logins = pullSecretLogins(configs);
  if (logins.unreadable.length > 0)
    return problem(path, `${logins.unreadable.join(', ')} holds no valid Docker config`);
  const scope = logins.scopeOf([place]);
  if (scope === undefined) return problem(path, `has no login for ${place.registry}/${place.repository}`);
  return parsed({ keychain: logins.keychainOver(anonymous), scope, authenticated: true });
}
