import { LRUCache } from 'lru-cache';
import type { ByteBudget, Keychain } from '../../core/evidence/index.ts';
import type { Digest } from '../../core/model/index.ts';
import type { Deletion, SideClient, SideRegistry } from '../../core/promotion/index.ts';
import { createAuthorizer, type Authorizer } from './auth/authorization.ts';
import { anonymous } from './auth/keychain.ts';
import { FEW_REPOSITORIES, severalLogins, type LoginWay } from './auth/several-logins.ts';
import { accessOf, type Begin, type Call, type ParseElsewhere } from './call.ts';
import { createReach, type ReachOptions } from '../http/index.ts';
import { endpointOf, parseTokenServices } from './endpoint.ts';
import { DEFAULT_TRANSFERS_PER_HOST, openConnections, type ConnectionOptions } from './exchange.ts';
import { createPauses, paced } from './pause.ts';
import type { MirrorParts } from './mirrors/mirrors.ts';
import type { MirrorRules } from './mirrors/rules.ts';
import { readsOver } from './reads.ts';
import { createSlots, DEFAULT_WAITING_PER_NAMESPACE } from './slots.ts';
import { DEFAULT_PROVEN_BYTES } from './transfer/fit.ts';
import { createTransferMemory } from './transfer/transfer.ts';
import { createTransport } from './transport.ts';
import { createTurns, writesOver } from './writes.ts';

/** What a registry client is given. */
export interface RegistryOptions extends ConnectionOptions, ReachOptions {
  /** Finds logins; see {@link ownKeychain}. */
  readonly keychain: Keychain;
  /** Registries (host and port as in image names) spoken to over http. Loopback hosts always are. */
  readonly insecureHosts?: readonly string[];
  /** Token services of other domains than their registries': hosts that may get the logins of these registries. */
  readonly tokenServices?: Parameters<typeof parseTokenServices>[0];
  /** Most requests of one namespace's admissions that wait for a connection; one more fails at once. */
  readonly waitingPerNamespace?: number;
  /** Most bytes of a blob that is proven before any of it is sent on. */
  readonly provenBytes?: number;
  /** Bytes of one chunk of a blob, where a registry asks for chunks or has failed to take the whole. */
  readonly chunkBytes?: number;
  /** Parses large answers beside this thread; absent = they are parsed here. */
  readonly parseElsewhere?: ParseElsewhere;
  /** Bounds what is in memory of the answers that are read whole; absent = without limit. */
  readonly budget?: ByteBudget;
  /** Reads mirrors first, see {@link openMirrors}; absent = there are none. */
  readonly mirrors?: typeof readsOver | undefined;
  /** Registries that are GitHub's, beside ghcr.io, with the API that deletes there. */
  readonly githubPackages?: readonly { readonly registry: string; readonly api: string }[];
  /** From 0 to before 1; sets writers of the same thing apart. */
  readonly random?: () => number;
}

/** The view with the client's own logins, and what else a client is. */
export type Registry = SideRegistry & SideClient;

/** Registries as one set of logins sees them, each time with the words for what is withheld from whom, and with a turn. */
type View = (of: Pick<Parameters<SideClient['as']>[0], 'withheld' | 'turn'>) => SideRegistry;

/** Bytes of one chunk: small enough for the proxies that limit a request, large enough that a GiB takes few of them. */
const DEFAULT_CHUNK_BYTES = 32 * 1024 * 1024;
/** GitHub's registry takes no deletion by the distribution API. */
const GITHUB = { registry: 'ghcr.io', api: 'https://api.github.com' };
/** Registries whose address is kept: every request needs it, and it is parsed three times. */
const MAX_ENDPOINTS = 1_000;
/** Sets of logins whose tokens are kept: beyond it the least used ones log in again. */
const MAX_SCOPES = 500;

/** Makes a registry client. It holds connections, tokens and logins until `close()`. */
export function createRegistry(options: RegistryOptions): Registry {
  const { keychain, now, parseElsewhere, insecureHosts = [], random = Math.random } = options;
  const { transfersPerHost = DEFAULT_TRANSFERS_PER_HOST, chunkBytes = DEFAULT_CHUNK_BYTES } = options;
  const { provenBytes = DEFAULT_PROVEN_BYTES } = options;
  const reach = createReach(options);
  const takeSlots = createSlots({
    perNamespace: options.waitingPerNamespace ?? DEFAULT_WAITING_PER_NAMESPACE,
  });
  const { exchange, close } = openConnections(options, { reach, takeSlots });
  const closing = new AbortController();
  const pauses = createPauses(now);
  const turns = createTurns();
  const packages = [...(options.githubPackages ?? []), GITHUB];
  const limits = { takeSlots, transfersPerHost, chunkBytes, provenBytes };
  const services = parseTokenServices(options.tokenServices ?? []);
  const endpoints = new LRUCache<string, Call['endpoint']>({
    max: MAX_ENDPOINTS,
    memoMethod: (registry) => endpointOf(registry, insecureHosts, reach.allowed, services),
  });
  const endpoint = (registry: string): Call['endpoint'] => endpoints.memo(registry);
  const isForAll = (place: URL): Promise<boolean> =>
    reach.foreign(place.hostname, reach.proxies?.of(place) !== undefined).then(
      () => true,
      () => false,
    );
  const wayOf = (logins: Keychain, remembered?: number): LoginWay & { readonly authorizer: Authorizer } => {
    const limits = remembered === undefined ? {} : { remembered };
    const authorizer = createAuthorizer(logins, { exchange, pauses, now, closed: closing.signal, ...limits });
    return { authorizer, transport: createTransport(exchange, pauses, authorizer) };
  };
  const viewOf = (
    logins: Keychain,
    {
      side,
      fallbacks = [],
      direct,
    }: Pick<Parameters<SideClient['as']>[0], 'fallbacks' | 'direct'> & Pick<Call, 'side'>,
  ): View => {
    // What is written is read where it was written.
    const reads = (side === 'target' || direct ? undefined : options.mirrors) ?? readsOver;
    const first = wayOf(logins);
    const ways = [...fallbacks, anonymous].map((one) => () => wayOf(one, FEW_REPOSITORIES));
    const { transport, authorizer } = fallbacks.length > 0 ? severalLogins(first, ways) : first;
    const memory = createTransferMemory();
    const restMs = async (call: Call): Promise<number> =>
      pauses.restMs(call, await authorizer.loginName(call));
    const { mayRead } = authorizer;
    const deleteElsewhere = async (call: Call, digest: Digest): Promise<Deletion | undefined> => {
      const { registry } = call.endpoint;
      const { api } = packages.find((one) => one.registry === registry) ?? {};
      if (api === undefined) return undefined;
      const { deleteVersion } = await import('./github-packages.ts');
      const login = await logins({ registry, repository: call.repository }, call.signal, 'delete');
      const atItsPace = paced(exchange, pauses, api);
      return deleteVersion(call, digest, { api, login, exchange: atItsPace });
    };
    const over = (begin: Begin): SideRegistry => ({
      ...writesOver({ begin, turns, random, restMs, mayRead, memory, deleteElsewhere, ...limits }),
      ...reads(begin, options.budget),
      watched: (onRequest) => over((...given) => ({ ...begin(...given), onRequest })),
    });
    return ({ withheld, turn }) =>
      over((operation, doing, { registry, repository }, signal) => {
        const how = accessOf(operation, side);
        return {
          ...how,
          ...{
            doing,
            signal,
            repository,
            endpoint: endpoint(registry),
            transport,
            parseElsewhere,
            turn,
            isForAll,
          },
          withheld: withheld?.({ registry, repository }, how.access),
        };
      });
  };
  const views = new LRUCache<string, View>({ max: MAX_SCOPES });
  return {
    ...viewOf(keychain, { side: 'source' })({}),
    speaksHttp: (registry) => endpoint(registry).plain,
    as: ({ scope, keychain: logins, fallbacks = [], side = 'source', direct = false, ...of }) => {
      const key = `${side} ${direct} ${fallbacks.length} ${scope}`;
      const view = views.get(key) ?? viewOf(logins, { side, fallbacks, direct });
      views.set(key, view);
      return view(of);
    },
    close: async () => {
      closing.abort();
      await close();
    },
  };
}

/** Reads the rules of the settings for mirrors; `undefined` = there are none, and nothing of them is loaded. */
export async function openMirrors(
  rules: MirrorRules,
  parts: MirrorParts,
): Promise<typeof readsOver | undefined> {
  if (rules.length === 0) return undefined;
  const { mirroredReads } = await import('./mirrors/mirrors.ts');
  return mirroredReads(rules, parts);
}
