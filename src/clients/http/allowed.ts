import { isIP } from 'node:net';
import { addressIn, blockList, isListed, plainName } from './address.ts';

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
