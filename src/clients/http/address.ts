import { BlockList, isIP } from 'node:net';

/** Where an address leads. `link-local` also stands for metadata services, multicast and reserved addresses. */
export type AddressKind = 'public' | 'private' | 'cluster' | 'loopback' | 'api-server' | 'link-local';

/** From what anyone may reach to what no registry is at; a name is as private as the last kind among its addresses. */
const ORDER = ['public', 'private', 'cluster', 'loopback', 'api-server', 'link-local'] as const;

/** Below zero when `one` is less private than `other`. */
export function comparePrivacy(one: AddressKind, other: AddressKind): number {
  return ORDER.indexOf(one) - ORDER.indexOf(other);
}

const LINK_LOCAL = blockList([
  // This network (0.0.0.0 is this host), link-local with the metadata services, IETF assignments (RFC 6890; Oracle's metadata
  // service is at 192.0.0.192), metadata of Alibaba Cloud, multicast, reserved and broadcast.
  ...['0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '100.100.100.200/32', '224.0.0.0/3'],
  // Link-local, multicast, metadata of AWS and Google Cloud, and discard-only (RFC 6666).
  ...['fe80::/10', 'ff00::/8', 'fd00:ec2::254/128', 'fd20:ce::254/128', '100::/64'],
]);
const LOOPBACK = blockList(['127.0.0.0/8', '::1/128']);
/** RFC 1918, RFC 6598 (shared), RFC 2544 (benchmarks); RFC 4193 (unique local), RFC 3879 (site-local), RFC 8215 (local NAT64). */
const PRIVATE = blockList([
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15'],
  ...['fc00::/7', 'fec0::/10', '64:ff9b:1::/48'],
]);
/** The addresses of the internet (RFC 4291 §2.4, IANA's registry): whatever lies outside has no public host. */
const GLOBAL_V6 = blockList(['2000::/3']);

/**
 * Addresses that carry an IPv4 address to which packets are sent on, and where it begins, in groups of 16 bits: compatible
 * (RFC 4291 §2.5.5.1), mapped, translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056).
 */
const EMBEDDING: readonly (readonly [BlockList, number])[] = [
  [blockList(['::/96', '::ffff:0:0/96', '::ffff:0:0:0/96', '64:ff9b::/96']), 6],
  [blockList(['2002::/16']), 1],
];
/** Teredo (RFC 4380): the IPv4 address in it is disguised, and the service has ended. */
const TEREDO = blockList(['2001::/32']);

/** Makes a list of ranges such as `10.0.0.0/8`, and of single addresses. */
export function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [net = '', prefix] = range.split('/');
    const longest = isIP(net) === 4 ? 32 : 128;
    list.addSubnet(net, Number(prefix ?? longest), familyOf(net));
  }
  return list;
}

/** Whether the list has the address; an IPv4 address that is written inside an IPv6 one counts as itself. */
export function isListed(list: BlockList, address: string): boolean {
  const plain = addressIn(address) ?? '';
  if (plain === '') return false;
  const inner = embeddedIn(plain);
  return list.check(plain, familyOf(plain)) || (inner !== undefined && list.check(inner, 'ipv4'));
}

/** The IP address that a `URL` hostname or an answer of DNS is, without brackets and zone; `undefined` for a name. */
export function addressIn(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  return isIP(bare) === 0 ? undefined : bare;
}

/** The kind of an IP address; what is none leads nowhere that is allowed. */
export function addressKind(address: string): AddressKind {
  const bare = addressIn(address);
  if (bare === undefined) return 'link-local';
  const family = familyOf(bare);
  if (LOOPBACK.check(bare, family)) return 'loopback';
  if (LINK_LOCAL.check(bare, family) || TEREDO.check(bare, family)) return 'link-local';
  if (PRIVATE.check(bare, family)) return 'private';
  const inner = embeddedIn(bare);
  if (inner !== undefined) return addressKind(inner);
  return family === 'ipv4' || GLOBAL_V6.check(bare, family) ? 'public' : 'link-local';
}

/** The IPv4 address to which an IPv6 address leads; `undefined` for any other address. */
function embeddedIn(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const first = EMBEDDING.find(([ranges]) => ranges.check(address, 'ipv6'))?.[1];
  if (first === undefined) return undefined;
  const groups = groupsOf(address);
  const bytes = groups.slice(first, first + 2).flatMap((group) => [group >> 8, group & 255]);
  return bytes.join('.');
}

/** The eight groups of an IPv6 address; the URL parser writes out an IPv4 tail. */
function groupsOf(address: string): readonly number[] {
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = written.split('::');
  const parse = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((part) => parseInt(part, 16));
  const [before, after] = [parse(head), parse(tail ?? '')];
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** A host name in the one form in which names are compared: lower case, without a dot at the end. */
export function plainName(hostname: string): string {
  return hostname.toLowerCase().replace(/\.+$/, '');
}

/** Whether a `URL` hostname is a loopback address, or a name that stands for loopback (RFC 6761 §6.3). */
export function isLoopbackSpelling(hostname: string): boolean {
  const name = plainName(hostname);
  const address = addressIn(name);
  if (address !== undefined) return addressKind(address) === 'loopback';
  return name === 'localhost' || name.endsWith('.localhost');
}

/** Names that the DNS of a cluster gives to services and pods, wherever they point to. */
const CLUSTER_NAME = /(?:\.svc|\.cluster\.local)$/;
/** The same under a domain that was chosen for the cluster; such a name may occur on the internet, too. */
const MAYBE_CLUSTER_NAME = /\.(?:svc|pod)\./;
/** Names of metadata services: of Google Cloud, AWS, Azure and Tencent Cloud. */
const METADATA_NAME =
  /^(?:metadata\.google\.internal|metadata\.goog|instance-data\.ec2\.internal|metadata\.azure\.\w+|metadata\.tencentyun\.com)$/;
/** Domains that are no one's on the internet: ICANN's `.internal`, RFC 6762, RFC 8375, and what networks use besides. */
const PRIVATE_NAME = /\.(?:internal|local|home\.arpa|localdomain|lan|corp|home|intranet|private)$/;

/** Whether only a cluster knows this name. */
export function isClusterName(name: string): boolean {
  return CLUSTER_NAME.test(name);
}

/** What a name alone says of its addresses. `byAddress` is what they say; in a pod a name of one label is a service of its namespace. */
export function nameKind(name: string, byAddress: AddressKind, inPod: boolean): AddressKind {
  if (addressIn(name) !== undefined) return 'public';
  if (isLoopbackSpelling(name)) return 'loopback';
  const maybe = MAYBE_CLUSTER_NAME.test(name) || (inPod && !name.includes('.'));
  return isClusterName(name) || (maybe && byAddress !== 'public') ? 'cluster' : 'public';
}

/** The same of a name whose addresses are not known here. */
export function unresolvedKind(name: string): AddressKind {
  if (METADATA_NAME.test(name)) return 'link-local';
  const kind = nameKind(name, 'private', true);
  return kind === 'public' && PRIVATE_NAME.test(name) ? 'private' : kind;
}

/** What an administrator allows by name: hosts, hosts with ports, all hosts below a domain, addresses and ranges. */
export interface Allowed {
  readonly host: (hostname: string) => boolean;
  readonly address: (address: string) => boolean;
  /** Whether this port of the host was named. */
  readonly port: (hostname: string, port: string) => boolean;
}

interface Entry {
  readonly host: string;
  readonly port: string | undefined;
}

/** Reads entries such as `minio.lan`, `minio.lan:9000`, `*.lan`, `[fd00::1]:9000` and `10.0.0.0/8`. */
export function parseAllowed(texts: readonly string[]): Allowed {
  const entries = texts.filter((text) => !isRange(text)).map(parseEntry);
  const addresses = entries.flatMap(({ host }) => addressIn(host) ?? []);
  const ranges = blockList([...texts.filter(isRange), ...addresses]);
  const host = (hostname: string): boolean => entries.some((entry) => matches(entry.host, hostname));
  return {
    host,
    address: (address) => isListed(ranges, address),
    port: (hostname, port) => entries.some((entry) => entry.port === port && matches(entry.host, hostname)),
  };
}

function isRange(text: string): boolean {
  return text.includes('/') || isIP(text) !== 0;
}

function parseEntry(text: string): Entry {
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text) ?? [];
  return { host: plainName(host), port };
}

function matches(pattern: string, hostname: string): boolean {
  const name = plainName(hostname);
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern;
}
