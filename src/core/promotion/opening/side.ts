import type { DockerConfigText, Keychain } from '../../evidence/index.ts';
import {
  digestOf,
  folderOf,
  isFolder,
  nameOf,
  parsed,
  parsePlace,
  problem,
  turnOf,
} from '../../model/index.ts';
import type { ImageRef, Owner as Asker, Parsed, PinnedRef, Problem, Reason } from '../../model/index.ts';
import type { CompiledPolicy } from '../../policy/index.ts';
import type { PromotionSide } from '../schema.ts';
import type { OpeningContext, ServerTrust, SideClient, SideRegistry, Withheld } from './context.ts';
import { accessFor, grantedKeychain, grantedTo, withheldFrom, type GrantedAccess } from './grants.ts';
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
  /** What is tried where the login before it is refused, in this order. */
  readonly further: readonly Keychain[];
  /** Names the logins, and the authorities by which servers were trusted: no fact is shared with another scope. */
  readonly scope: string;
  /** Whether a login is known for it. */
  readonly authenticated: boolean;
  /** Whether these are the logins of Pratique itself. */
  readonly ownLogins: boolean;
  readonly withheld?: Withheld;
  /** Why the logins may not be used for this at this moment. */
  readonly refusal: (needs: readonly GrantedAccess[], signal: AbortSignal) => Promise<Reason | undefined>;
}

/** A side, with the namespace that it belongs to and what its logins must be good for. */
interface SideToOpen {
  readonly side: PromotionSide;
  readonly owner: Owner;
  readonly needs: readonly GrantedAccess[];
}

const DOCKER_CONFIG = '.dockerconfigjson';
const CA = 'ca.crt';
/** Logins that depend on no grant. */
const FREE = { refusal: () => Promise.resolve(undefined) };
const none: Keychain = () => Promise.resolve(undefined);
const ANONYMOUS: Logins = {
  ...{
    keychain: none,
    further: [],
    scope: 'anonymous',
    authenticated: false,
    ownLogins: false,
  },
  ...FREE,
};

/**
 * Opens one side with the login that it names, or else with the login of Pratique where that is granted. A Secret that is named and
 * has no login for this repository is a problem: an anonymous request would turn a broken setup into "there is no such image".
 */
export async function openSide(
  which: 'source' | 'target',
  { side, owner, needs }: SideToOpen,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<OpenSide>> {
  const path = `spec.${which}`;
  const read = placeOf(path, side);
  if (!read.ok) return read;
  const place = read.value;
  if (isFolder(place)) return openFolder(which, { side, owner, place }, context);
  const insecure = side.insecure ? objectionToHttp(place.registry, context) : undefined;
  if (insecure) return refused(`${path}.insecure`, insecure);
  const logins = await loginsOf(path, { side, owner, place }, context, signal);
  if (!logins.ok) return logins;
  const refusal = await logins.value.refusal(needs, signal);
  if (refusal) return refused(`${path}.repository`, refusal);
  const trusting = clientOf({ side, owner }, path, context);
  if (!trusting.ok) return trusting;
  const { client, isOwn, trust } = trusting.value;
  const { keychain, further, withheld } = logins.value;
  // Who chose the authorities may have chosen what was read, too.
  const scope = isOwn ? digestOf(JSON.stringify([logins.value.scope, trust.ca])) : logins.value.scope;
  const askedFor = { namespace: owner.namespace, background: true };
  // Transfers are shared in a view, and depend on what their source lets one namespace read.
  const view = JSON.stringify([owner.namespace, scope]);
  const turn = turnOf(askedFor);
  // The installation's own are none of a Secret's.
  const fallbacks = further.length > 0 ? [...further, none] : [];
  const direct = needs.includes('Delete');
  const registry = client.as({ scope: view, keychain, fallbacks, side: which, direct, withheld, turn });
  const close = async (): Promise<void> => (isOwn ? client.close() : undefined);
  return parsed({ place, registry, askedFor, ...logins.value, scope, ...trust, close });
}

function placeOf(path: string, { repository: text = '' }: PromotionSide): Parsed<ImageRef> {
  const read = parsePlace(text);
  if (!read.ok) return { ok: false, problems: at(`${path}.repository`, read.problems) };
  const { registry, repository } = read.value;
  return parsed({ registry, repository });
}

/** Fields that only a registry has a use for. */
const OF_REGISTRIES = ['secretRef', 'serviceAccountName', 'caSecretRef', 'insecure'] as const;

/** A side that is a folder: only a person at a terminal has one. */
async function openFolder(
  which: 'source' | 'target',
  { side, owner, place }: SidePlace,
  { layouts, trust }: OpeningContext,
): Promise<Parsed<OpenSide>> {
  const path = `spec.${which}`;
  if (!layouts) return refused(`${path}.repository`, NO_FOLDER);
  const odd = OF_REGISTRIES.find((field) => side[field]);
  if (odd) return problem(`${path}.${odd}`, `is for registries, and ${nameOf(place)} is a folder`);
  const registry = (await layouts()).createLayouts({ side: which, folderOf });
  const askedFor = { namespace: owner.namespace, background: true };
  const close = () => Promise.resolve();
  return parsed({ place, registry, askedFor, ...ANONYMOUS, scope: nameOf(place), ...trust, close });
}

const NO_FOLDER: Reason = {
  code: 'InvalidPromotion',
  detail:
    'is a folder: only pratique plan and pratique promote read and write folders, those of their own user; a pod uses no disk',
};

/** The client that all sides share, or one of its own for a side that trusts other servers. */
function clientOf(
  { side: { caSecretRef }, owner }: Pick<SideToOpen, 'side' | 'owner'>,
  path: string,
  { registry, trust, openClient }: OpeningContext,
): Parsed<{ readonly client: SideClient; readonly isOwn: boolean; readonly trust: ServerTrust }> {
  if (!caSecretRef) return parsed({ client: registry, isOwn: false, trust });
  const ca = entryOf(owner.secret(caSecretRef.name), CA, `${path}.caSecretRef`);
  if (!ca.ok) return ca;
  const own = { ...trust, ca: ca.value };
  return parsed({ client: openClient(own), isOwn: true, trust: own });
}

function refused(path: string, { code, detail }: Reason): Parsed<never> {
  return { ok: false, problems: [{ path, message: detail, reason: code }] };
}

/** Why plain http must not be spoken with a registry. Loopback is the machine of the user, and in a cluster that of Pratique. */
function objectionToHttp(host: string, { granting, trust, registry }: OpeningContext): Reason | undefined {
  if (trust.insecureHosts.includes(host) || (!granting && registry.speaksHttp(host))) return undefined;
  const detail = `${host} is no registry that the settings name for plain http (registries.insecure, or --insecure-registry)`;
  return { code: 'InsecureNotAllowed', detail };
}

interface SidePlace {
  readonly side: PromotionSide;
  readonly owner: Owner;
  readonly place: ImageRef;
}

async function loginsOf(
  path: string,
  given: SidePlace,
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
  return parsed(await installationLogins(given, context, signal));
}

/** The logins of Pratique itself: all of them for the user who runs it, in a cluster what is granted to the namespace. */
async function installationLogins(
  { side, owner: { namespace }, place }: SidePlace,
  { keychain: own, granting }: OpeningContext,
  signal: AbortSignal,
): Promise<Logins> {
  if (!granting) {
    const authenticated = (await own(place, signal)) !== undefined;
    return { keychain: own, further: [], scope: 'own', authenticated, ownLogins: true, ...FREE };
  }
  // The author of the promotion could stand in for any server that these authorities vouch for.
  if (side.caSecretRef) return ANONYMOUS;
  const granted = await grantedTo(namespace, granting, signal);
  const mayRead = granted.covers(place, 'Read');
  const hasLogin = async (): Promise<boolean> => (await own(place, signal)) !== undefined;
  // A broken helper must not keep from a public registry who may not use it anyway.
  const known = await (mayRead ? hasLogin() : hasLogin().catch(() => true));
  return {
    keychain: grantedKeychain(own, granted),
    further: [],
    scope: digestOf(JSON.stringify(['granted', namespace, granted.numbers, granted.unknown ?? null])),
    authenticated: mayRead && known,
    ownLogins: mayRead,
    withheld: (to, access) =>
      known || nameOf(to) !== nameOf(place) ? withheldFrom(granted, to, accessFor(access)) : undefined,
    refusal: async (needs, until) => {
      const now = await grantedTo(namespace, granting, until);
      const detail = known ? withheldFrom(now, place, needs) : undefined;
      return detail === undefined ? undefined : { code: 'NotGranted', detail };
    },
  };
}

/** The same problems at the field that leads to them. */
const at = (path: string, problems: readonly Problem[]): readonly Problem[] =>
  problems.map(({ message }) => ({ path, message }));

function readLogins(
  { unreadable, scope, scopeOf, keychain, furtherFor }: ReturnType<OpeningContext['pullSecretLogins']>,
  path: string,
  place: ImageRef,
): Parsed<Logins> {
  if (scopeOf([place]) === undefined) {
    const whys = unreadable.map(({ source, detail }) => `; ${source}: ${detail}`).join('');
    return problem(path, `has no login for ${place.registry}/${place.repository}${whys}`);
  }
  const further = furtherFor(place);
  return parsed({ keychain, further, scope, authenticated: true, ownLogins: false, ...FREE });
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
