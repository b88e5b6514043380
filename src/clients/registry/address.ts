import { BlockList, isIP } from 'node:net';

/** Where an address leads, as far as its text tells. Names are `public`: what they resolve to is not looked at. */
export type AddressKind = 'public' | 'loopback' | 'private' | 'link-local';

const RANGES: Readonly<Record<Exclude<AddressKind, 'public'>, BlockList>> = {
  loopback: blockList(['127.0.0.0', 8, 'ipv4'], ['::1', 128, 'ipv6']),
  // Link-local holds the metadata services of the clouds; "this network", multicast and reserved space go with it.
  'link-local': blockList(
    ['169.254.0.0', 16, 'ipv4'],
    ['0.0.0.0', 8, 'ipv4'],
    ['224.0.0.0', 3, 'ipv4'],
    ['fe80::', 10, 'ipv6'],
    ['::', 128, 'ipv6'],
    ['ff00::', 8, 'ipv6'],
    ['fd00:ec2::254', 128, 'ipv6'],
  ),
  // RFC 1918, RFC 6598 (shared address space), RFC 4193 (unique local); RFC 6052 (NAT64) may wrap any of them.
  private: blockList(
    ['10.0.0.0', 8, 'ipv4'],
    ['172.16.0.0', 12, 'ipv4'],
    ['192.168.0.0', 16, 'ipv4'],
    ['100.64.0.0', 10, 'ipv4'],
    ['fc00::', 7, 'ipv6'],
    ['64:ff9b::', 96, 'ipv6'],
  ),
};

function blockList(...subnets: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList {
  const list = new BlockList();
  for (const [net, prefix, family] of subnets) list.addSubnet(net, prefix, family);
  return list;
}

/**
 * Tells what kind of host this is. `hostname` is that of a WHATWG `URL`, which has already brought the odd spellings of
 * an address (`0x7f.1`, `2130706433`, `[::ffff:127.0.0.1]`) into one form.
 */
export function addressKind(hostname: string): AddressKind {
  const bare = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (bare === 'localhost' || bare.endsWith('.localhost')) return 'loopback';
  const version = isIP(bare);
  if (version === 0) return 'public';
  const family = version === 4 ? 'ipv4' : 'ipv6'; // BlockList also matches IPv4-mapped IPv6 against IPv4 ranges
  if (RANGES.loopback.check(bare, family)) return 'loopback';
  if (RANGES['link-local'].check(bare, family)) return 'link-local';
  return RANGES.private.check(bare, family) ? 'private' : 'public';
}

/** Whether a `URL` hostname is an IP address and not a name. */
export function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}
