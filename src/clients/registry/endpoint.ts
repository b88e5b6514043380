import { BlockList, isIP } from 'node:net';

/** Where the API of one registry is spoken to. */
export interface Endpoint {
  /** As in image names, e.g. `docker.io`, `registry.example.com:5000`. */
  readonly registry: string;
  /** Scheme, host and port of its API; requests stay there unless a redirect or a realm is let through. */
  readonly origin: string;
  /** Host name of the API without port, as a `URL` writes it. */
  readonly hostname: string;
  /** Whether it is spoken to without TLS. */
  readonly plain: boolean;
}

/** Registries whose API lives on another host. */
const API_HOSTS: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/**
 * Second-level labels under which countries hand out names (`example.co.uk`): there, two labels are no one company's domain.
 * Not the public suffix list, only its common shape; where it misses, a token host is trusted as far as its registry's.
 */
const GENERIC_SECOND_LEVEL: ReadonlySet<string> = new Set(['ac', 'co', 'com', 'edu', 'gov', 'net', 'org']);

/** Finds the API of a registry: over https, or http for loopback hosts and those named in `insecureHosts`. */
export function endpointOf(registry: string, insecureHosts: readonly string[]): Endpoint {
  const host = API_HOSTS[registry] ?? registry;
  const { hostname } = new URL(`https://${host}`);
  const plain = addressKind(hostname) === 'loopback' || insecureHosts.includes(registry);
  return { registry, origin: new URL(`${plain ? 'http' : 'https'}://${host}`).origin, hostname, plain };
}

/**
 * Why a request must not go on to a place that the registry points to (a redirect or a token realm); `undefined` when it
 * may. A registry must not make us send requests inside the network of this process: an internal address is followed only
 * from a registry that is at such an address itself, and a link-local one (cloud metadata) only when it is the registry's
 * own. TLS is never given up (CVE-2025-27403, CVE-2026-48978).
 */
export function objectionTo(target: URL, from: Endpoint): string | undefined {
  if (target.protocol !== 'https:' && target.protocol !== 'http:') return 'it is neither https nor http';
  if (target.username !== '' || target.password !== '') return 'it carries a login';
  if (target.protocol === 'http:' && !from.plain) return 'it is plain http';
  return target.hostname === from.hostname ? undefined : objectionToAddress(target, from);
}

function objectionToAddress(target: URL, from: Endpoint): string | undefined {
  const kind = addressKind(target.hostname);
  if (kind === 'public') return undefined;
  if (kind === 'link-local') return 'it is a link-local or reserved address';
  return kind === addressKind(from.hostname) ? undefined : `it is a ${kind} address`;
}

/**
 * Judges a token realm, which receives our login: besides {@link objectionTo} it must be the registry's own host, or a
 * name under the same domain as the registry (`registry-1.docker.io` and `auth.docker.io`). Ports may differ.
 */
export function objectionToRealm(realm: URL, from: Endpoint): string | undefined {
  const related = realm.hostname === from.hostname || sameDomain(realm.hostname, from.hostname);
  return objectionTo(realm, from) ?? (related ? undefined : 'it is not under the domain of the registry');
}

function sameDomain(one: string, other: string): boolean {
  if (isAddress(one) || isAddress(other)) return false;
  const domain = domainOf(one);
  return domain !== undefined && domain === domainOf(other);
}

function domainOf(hostname: string): string | undefined {
  const labels = hostname.split('.');
  const [second = '', top = ''] = labels.slice(-2);
  const depth = top.length === 2 && GENERIC_SECOND_LEVEL.has(second) ? 3 : 2;
  return labels.length < depth ? undefined : labels.slice(-depth).join('.');
}

/** Where an address leads, by its text alone. Names are `public`: they are not resolved. */
type AddressKind = 'public' | 'loopback' | 'private' | 'link-local';

const RANGES = {
  loopback: blockList('127.0.0.0/8', '::1/128'),
  // Link-local holds the metadata services of the clouds; "this network", multicast and reserved space go with it.
  'link-local': blockList(
    ...['169.254.0.0/16', '0.0.0.0/8', '224.0.0.0/3'],
    ...['fe80::/10', '::/128', 'ff00::/8', 'fd00:ec2::254/128'],
  ),
  // RFC 1918, RFC 6598 (shared address space), RFC 4193 (unique local); RFC 6052 (NAT64) may wrap any of them.
  private: blockList(
    ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
    ...['fc00::/7', '64:ff9b::/96'],
  ),
};

function blockList(...subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [net = '', prefix] = subnet.split('/');
    list.addSubnet(net, Number(prefix), isIP(net) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** The kind of a host as a `URL` spells it: odd forms of an address (`0x7f.1`, `[::ffff:127.0.0.1]`) are normalised there. */
export function addressKind(hostname: string): AddressKind {
  const bare = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (bare === 'localhost' || bare.endsWith('.localhost')) return 'loopback';
  const version = isIP(bare);
  if (version === 0) return 'public';
  const family = version === 4 ? 'ipv4' : 'ipv6'; // BlockList also matches IPv4-mapped IPv6 against IPv4 ranges
  const kinds = ['loopback', 'link-local', 'private'] as const;
  return kinds.find((kind) => RANGES[kind].check(bare, family)) ?? 'public';
}

/** Whether a `URL` hostname is an IP address and not a name. */
function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}
