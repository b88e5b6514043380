import { LRUCache } from 'lru-cache';
import type { LookupFunction } from 'node:net';
import { parsed, type Clock, type Parsed } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import {
  addressIn,
  addressKind,
  blockList,
  comparePrivacy,
  isListed,
  isLoopbackSpelling,
  nameKind,
  parseAllowed,
  plainName,
  unresolvedKind,
} from './address.ts';
import type { AddressKind, Allowed } from './address.ts';
import type { Proxies, ProxySources } from './connection.ts';
import { rememberAddresses, type Resolve } from './resolver.ts';

/** What may be reached, as administrators and the place of this process decide. */
export interface ReachOptions {
  /** Hosts (`minio.lan`, `minio.lan:9000`, `*.lan`), addresses and ranges (`10.0.0.0/8`) that registries may send requests to, however private. */
  readonly allowedAddresses?: readonly string[];
  /** Ranges of pods and services of the cluster. */
  readonly clusterRanges?: readonly string[];
  /** The address of the API server as pods know it; the cluster's services are near it. */
  readonly apiServer?: string | undefined;
  /**
   * Whether hosts that are spelled as loopback (`localhost:5000`) may be asked; default `Allow`. In a pod loopback is what stands
   * beside this process, which is nothing for those who name images.
   */
  readonly loopback?: 'Allow' | 'Refuse';
  /** Whether hosts that were named may be at private addresses and in the cluster; default `Allow`. */
  readonly privateRegistries?: 'Allow' | 'Refuse';
  /** Which hosts are reached through proxies; absent = none. */
  readonly proxies?: Proxies | undefined;
  readonly now: Clock;
  /** Finds the addresses of names; default: the operating system. */
  readonly resolve?: Resolve;
  /** Where an address is connected to; default: there. */
  readonly dial?: (address: string) => string;
}

/** A host that must not be connected to. The message is a clause that says why, and what an administrator would set. */
export class Unreachable extends Error {}

/** Decides about addresses before anything is connected to. */
export interface Reach {
  /** What may be reached by name and port, for the rules of URLs. */
  readonly allowed: Allowed;
  /** Which hosts are reached through proxies. */
  readonly proxies: Proxies | undefined;
  /**
   * Judges a host that was named (an image reference, a setting). Resolves to the kind that its connections are kept under; rejects
   * with {@link Unreachable}, or with the error of DNS. A proxy resolves names by itself (`isProxied`): addresses are judged that are
   * written, and names by what they are.
   */
  readonly named: (hostname: string, isProxied?: boolean) => Promise<AddressKind>;
  /**
   * Judges a host that `sender` sends us to: it must not be more private than the sender is. Otherwise as `named`. Of a proxy's host
   * the addresses are judged, too, that are known here.
   */
  readonly sentBy: (sender: string, hostname: string, isProxied?: boolean) => Promise<AddressKind>;
  /** Judges a host that a stranger named: it must be public, or allowed by an administrator. Otherwise as `sentBy`. */
  readonly foreign: (hostname: string, isProxied?: boolean) => Promise<AddressKind>;
  /** Whether a host can be judged without waiting for DNS. */
  readonly isKnown: (hostname: string) => boolean;
  /**
   * Finds addresses for a connection of this kind; another kind is an error, so that an answer of DNS that changed does no harm.
   * Without a kind, for a proxy: administrators named it, and it may be anywhere.
   */
  readonly lookup: (kind?: AddressKind) => LookupFunction;
}

/** Kinds to which a host of each kind may send us. To the same host is no sending. Cluster services are named by administrators. */
const FOLLOWED: Readonly<Record<AddressKind, readonly AddressKind[]>> = {
  public: ['public'],
  private: ['public', 'private'],
  cluster: ['public', 'private'],
  loopback: ['public', 'loopback'],
  'api-server': ['public', 'private'],
  'link-local': ['public'],
};

/** Hosts of which is remembered from how public an address they have answered. */
const MAX_SENDERS = 10_000;
/** How long, in milliseconds: longer than any request is under way. A host cannot become private to send us to its neighbours. */
const SENDER_MS = 60 * 60_000;

/** Makes the rules of one client. */
export function createReach(options: ReachOptions): Reach {
  const { now, dial = (address) => address } = options;
  const allowed = parseAllowed(options.allowedAddresses ?? []);
  const kindOf = kindsOf(options);
  const addresses = rememberAddresses({ now, resolve: options.resolve });
  const senders = new LRUCache<string, { readonly kind: AddressKind; readonly at: number }>({
    max: MAX_SENDERS,
  });

  const judgedAt = (hostname: string, found: readonly string[]): readonly Judged[] =>
    found.map((address) => {
      const kind = kindOf(hostname, address);
      return { address, kind, isAllowed: allowed.host(hostname) || allowed.address(address) };
    });
  const resolved = async (hostname: string): Promise<readonly Judged[]> => {
    const literal = addressIn(hostname);
    const found = literal === undefined ? await addresses.of(hostname) : [literal];
    if (found.length === 0) throw new Unreachable(`${hostname} has no address`);
    return judgedAt(hostname, found);
  };
  /** A name as it is written: a proxy finds its addresses. */
  const spelled = (hostname: string): readonly Judged[] => {
    const literal = addressIn(hostname);
    if (literal !== undefined) return judgedAt(hostname, [literal]);
    return [{ kind: unresolvedKind(plainName(hostname)), isAllowed: allowed.host(hostname) }];
  };
  /** Of a name that a proxy finds, what is known here counts besides: names inside of a network are often known to both. */
  const known = async (hostname: string, isProxied = false): Promise<readonly Judged[]> => {
    if (!isProxied) return resolved(hostname);
    const found = addressIn(hostname) === undefined ? await addresses.soon(hostname) : [];
    return [...spelled(hostname), ...judgedAt(hostname, found)];
  };

  /** How public a host is, by the most public address that it has had. */
  const publicness = (hostname: string, judged: readonly Judged[]): AddressKind => {
    const at = now().getTime();
    const name = plainName(hostname);
    const seen = senders.get(name);
    const kinds = judged.map(({ kind }) => kind);
    const isNew = judged.some(({ address }) => address !== undefined);
    if (seen && at - seen.at < SENDER_MS) kinds.push(seen.kind);
    const kind = mostPublic(kinds);
    if (isNew) senders.set(name, { kind, at });
    return kind;
  };

  const permitted = (
    hostname: string,
    judged: readonly Judged[],
    kinds: readonly AddressKind[],
  ): AddressKind => {
    // One address that is refused condemns the name: answers that mix kinds are made to get past such rules.
    const refused = judged.find(({ kind, isAllowed }) => !isAllowed && !kinds.includes(kind));
    if (refused) throw new Unreachable(objection(hostname, refused.kind));
    publicness(hostname, judged);
    return pooledAs(judged);
  };

  /** On any scheme, so that what is known of a host without its scheme errs to the stricter side. */
  const isBehindProxy = (hostname: string): boolean =>
    ['http', 'https'].some((scheme) => options.proxies?.of(new URL(`${scheme}://${hostname}`)) !== undefined);

  const namedKinds = (hostname: string): readonly AddressKind[] => [
    'public',
    ...(options.privateRegistries === 'Refuse' ? [] : (['private', 'cluster'] as const)),
    ...(options.loopback !== 'Refuse' && isLoopbackSpelling(hostname) ? (['loopback'] as const) : []),
  ];

  const named = async (hostname: string, isProxied = false): Promise<AddressKind> => {
    // TLS proves that it is the host that was named. Where private ones are refused, what is known here counts.
    const isSpelled = isProxied && options.privateRegistries !== 'Refuse';
    const judged = isSpelled ? spelled(hostname) : await known(hostname, isProxied);
    return permitted(hostname, judged, namedKinds(hostname));
  };

  return {
    allowed,
    proxies: options.proxies,
    named,
    foreign: async (hostname, isProxied) => permitted(hostname, await known(hostname, isProxied), ['public']),
    isKnown: (hostname) => addressIn(hostname) !== undefined || addresses.knows(hostname),
    sentBy: async (sender, hostname, isProxied) => {
      if (plainName(sender) === plainName(hostname)) return named(hostname, isProxied);
      // The owner of a name chooses what is known of it here; a proxy may have found another host. So the name counts alone.
      const from = publicness(sender, isBehindProxy(sender) ? spelled(sender) : await resolved(sender));
      return permitted(hostname, await known(hostname, isProxied), FOLLOWED[from]);
    },
    lookup:
      (kind) =>
      (hostname, { all }, callback) => {
        const found = async (): Promise<readonly { address: string; family: number }[]> => {
          const judged = await resolved(hostname);
          if (kind !== undefined && pooledAs(judged) !== kind)
            throw new Error(`the addresses of ${hostname} have changed`);
          return judged.flatMap(({ address }) => (address === undefined ? [] : [withFamily(dial(address))]));
        };
        found().then(
          (addresses) => {
            const [first] = addresses;
            if (all) callback(null, [...addresses]);
            else callback(null, first?.address ?? '', first?.family);
          },
          (error: unknown) => {
            callback(error instanceof Error ? error : new Unreachable(String(error)), '');
          },
        );
      },
  };
}

interface Judged {
  /** Absent = not known here. */
  readonly address?: string;
  readonly kind: AddressKind;
  /** An administrator named it. */
  readonly isAllowed: boolean;
}

/** The most public of these kinds. */
function mostPublic(kinds: readonly AddressKind[]): AddressKind {
  const [first = 'public', ...others] = kinds;
  return others.reduce((most, kind) => (comparePrivacy(kind, most) < 0 ? kind : most), first);
}

/** The kind that connections are kept under. What an administrator named is anyone's to use, like a public address. */
function pooledAs(judged: readonly Judged[]): AddressKind {
  const kinds = judged.map(({ kind, isAllowed }): AddressKind => (isAllowed ? 'public' : kind));
  return (
    kinds.reduce<AddressKind | undefined>(
      (most, kind) => (most !== undefined && comparePrivacy(most, kind) > 0 ? most : kind),
      undefined,
    ) ?? 'link-local'
  );
}

function withFamily(address: string): { address: string; family: number } {
  return { address, family: address.includes(':') ? 6 : 4 };
}

const NAMES: Readonly<Record<AddressKind, string>> = {
  public: 'at a public address',
  private: 'at a private address',
  cluster: 'in the cluster',
  loopback: 'at a loopback address',
  'api-server': 'at the address of the API server',
  'link-local': 'at a link-local or reserved address',
};

function objection(hostname: string, kind: AddressKind): string {
  return `${hostname} is ${NAMES[kind]}; only an administrator can allow it, in registries.allowedAddresses`;
}

/** Finds the kind of an address that a name has: the more private one of what the name and the address are. */
function kindsOf(options: ReachOptions): (hostname: string, address: string) => AddressKind {
  const { apiServer, clusterRanges = [] } = options;
  const server = addressIn(apiServer ?? '');
  const inCluster = blockList([...clusterRanges, ...(server === undefined ? [] : [servicesNear(server)])]);
  const servers = blockList(server === undefined ? [] : [server]);
  return (hostname, address) => {
    if (isListed(servers, address)) return 'api-server';
    const byAddress = addressKind(address);
    const byName = nameKind(plainName(hostname), byAddress, server !== undefined);
    const byRange = isListed(inCluster, address) ? 'cluster' : 'public';
    const kinds: readonly AddressKind[] = [byAddress, byName, byRange];
    return kinds.toSorted(comparePrivacy).at(-1) ?? byAddress;
  };
}

/**
 * The services of the cluster are in the range that the API server has the first address of. Its length is not known: the
 * usual 16 bits, or 20 where a public range is used (GKE), of which the rest belongs to others.
 */
function servicesNear(server: string): string {
  if (server.includes(':')) return `${server}/112`;
  return `${server}/${addressKind(server) === 'public' ? 20 : 16}`;
}

/** Reads which proxies there are; `undefined` = none, and nothing of them is loaded. No problem repeats the address, which may hold a login. */
export async function openProxies(
  settings: Settings['proxy'],
  sources: ProxySources,
): Promise<Parsed<Proxies | undefined>> {
  const { http_proxy, HTTP_PROXY, https_proxy, HTTPS_PROXY } = sources.environment;
  const named = [settings.http, settings.https, http_proxy, HTTP_PROXY, https_proxy, HTTPS_PROXY];
  if (named.every((one = '') => one === '')) return parsed(undefined);
  const { readProxies, shareProxies } = await import('./proxy.ts');
  const proxies = await readProxies(settings, sources);
  if (proxies.ok) shareProxies(proxies.value, sources);
  return proxies;
}
