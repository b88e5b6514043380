import type { DockerConfigText, Keychain } from '../../evidence/index.ts';
import { parsed, parseReference, problem, turnOf } from '../../model/index.ts';
import type { ImageRef, Owner as Asker, Parsed, PinnedRef, Problem } from '../../model/index.ts';
import type { CompiledPolicy } from '../../policy/index.ts';
import type { PromotionSide } from '../schema.ts';
import type { OpeningContext, ServerTrust, SideClient, SideRegistry } from './context.ts';
import { entryOf, type Owner } from './secrets.ts';

/** One side of a promotion, opened. */
export interface OpenSide extends ServerTrust, Logins {
  /** Its repository. */
  readonly place: ImageRef;
  readonly registry: SideRegistry;
  /** For whom its registry is asked. */
  readonly askedFor: Asker;
  readonly close: () => Promise<void>;
}

interface Logins {
  readonly keychain: Keychain;
  readonly scope: string;
  /** Whether a login is known for it. */
  readonly authenticated: boolean;
}

const DOCKER_CONFIG = '.dockerconfigjson';
const CA = 'ca.crt';

/**
 * Opens one side with the login that it names, or else with the login of Pratique. A Secret that is named and has no login for this
 * repository is a problem: an anonymous request would turn a broken setup into "there is no such image".
 */
export async function openSide(
  which: 'source' | 'target',
  { side, owner }: { readonly side: PromotionSide; readonly owner: Owner },
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<OpenSide>> {
  const path = `spec.${which}`;
  const read = parseReference(side.repository);
  if (!read.ok) return { ok: false, problems: at(`${path}.repository`, read.problems) };
  const { registry: host, repository } = read.value;
  const place: ImageRef = { registry: host, repository };
  const logins = await loginsOf(path, { side, owner, place }, context, signal);
  const ca = side.caSecretRef
    ? entryOf(owner.secret(side.caSecretRef.name), CA, `${path}.caSecretRef`)
    : parsed(context.trust.ca);
  if (!logins.ok) return logins;
  if (!ca.ok) return ca;
  const insecureHosts = [...context.trust.insecureHosts, ...(side.insecure ? [host] : [])];
  const trust = { insecureHosts, ca: ca.value };
  // The client that all sides share, or one of its own for a side that trusts other servers.
  const own = side.insecure || side.caSecretRef ? context.openClient(trust) : undefined;
  const client: SideClient = own ?? context.registry;
  const { keychain, scope } = logins.value;
  const askedFor = { namespace: owner.namespace, background: true };
  const registry = client.as({ scope, keychain, side: which }).inTurn(turnOf(askedFor));
  const close = async (): Promise<void> => own?.close();
  return parsed({ place, registry, askedFor, ...logins.value, ...trust, close });
}

async function loginsOf(
  path: string,
  given: { readonly side: PromotionSide; readonly owner: Owner; readonly place: ImageRef },
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<Logins>> {
  const { side, owner, place } = given;
  const { secretRef, serviceAccountName: name } = side;
  const read = (configs: readonly DockerConfigText[], where: string) =>
    readLogins(context.pullSecretLogins(configs), where, place);
  if (secretRef) {
    const where = `${path}.secretRef`;
    const text = entryOf(owner.secret(secretRef.name), DOCKER_CONFIG, where);
    return text.ok ? read([{ source: `Secret ${secretRef.name}`, text: text.value }], where) : text;
  }
  if (name !== undefined) {
    const where = `${path}.serviceAccountName`;
    if (!context.accountSecrets) return problem(where, 'needs a cluster; name a Secret by secretRef here');
    const configs = await context.accountSecrets({ namespace: owner.namespace, name }, signal);
    if (configs.ok) return read(configs.value, where);
    return { ok: false, problems: at(where, configs.problems) };
  }
  const login = await context.keychain(place, signal);
  return parsed({ keychain: context.keychain, scope: 'own', authenticated: login !== undefined });
}

/** The same problems at the field that leads to them. */
const at = (path: string, problems: readonly Problem[]): readonly Problem[] =>
  problems.map(({ message }) => ({ path, message }));

function readLogins(
  logins: ReturnType<OpeningContext['pullSecretLogins']>,
  path: string,
  place: ImageRef,
): Parsed<Logins> {
  if (logins.unreadable.length > 0)
    return problem(path, `${logins.unreadable.join(', ')} holds no valid Docker config`);
  const scope = logins.scopeOf([place]);
  if (scope === undefined) return problem(path, `has no login for ${place.registry}/${place.repository}`);
  return parsed({ keychain: logins.keychainOver(), scope, authenticated: true });
}

/** Judges images on one side of a promotion with the login of that side. */
export function judgeOn(
  { registry, scope, askedFor }: OpenSide,
  policies: readonly CompiledPolicy[],
  { judge, clock }: Pick<OpeningContext, 'judge' | 'clock'>,
) {
  return (image: PinnedRef, signal: AbortSignal) => {
    const seenAt = clock();
    return judge(image, {
      policies,
      labels: { state: 'found', value: {}, seenAt },
      access: () => Promise.resolve({ state: 'found', value: { scope, registry }, seenAt }),
      owner: askedFor,
      signal,
    });
  };
}
