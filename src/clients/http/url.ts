import { isLoopbackSpelling, type Allowed } from './address.ts';

/** What sends us to an address: a registry, by the host and port of its API. */
export interface Sender {
  /** As a `URL` writes it, without port. */
  readonly hostname: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Whether it is spoken to without TLS. */
  readonly plain: boolean;
}

/** What an administrator allows of URLs. */
export interface UrlRules {
  /** Hosts with their ports that are spoken to over http. */
  readonly insecureHosts: readonly string[];
  readonly allowed: Allowed;
}

/** Reads an address that a server sends, relative to where it was sent from; `undefined` when it is none. */
export function parseSentUrl(text: string, from?: URL): URL | undefined {
  // RFC 3986 knows no other characters. Parsers differ in what they make of them, and of a backslash.
  if (/[^\x21-\x7e]|\\/.test(text)) return undefined;
  const url = URL.parse(text, from?.href);
  if (url === null) return undefined;
  url.hash = '';
  return url;
}

/**
 * Why a request must not go on to a URL that a server sends us to, by scheme, login and port; `undefined` when it may. What address
 * its host has is judged when it is connected to. TLS is never given up.
 */
export function objectionToUrl(target: URL, from: Sender, rules: UrlRules): string | undefined {
  if (target.protocol !== 'https:' && target.protocol !== 'http:') return 'it is neither https nor http';
  if (target.username !== '' || target.password !== '') return 'it carries a login';
  if (target.protocol === 'http:' && !from.plain) return 'it is plain http';
  if (target.protocol === 'http:' && !isPlain(target, from, rules))
    return 'it is plain http; only an administrator can allow it, in registries.insecure';
  if (isPortOpen(target, from, rules)) return undefined;
  return `port ${portOf(target)} is not one that it may send to; only an administrator can allow it, with the port, in registries.allowedAddresses`;
}

function isPlain({ hostname, host }: URL, from: Sender, { insecureHosts }: UrlRules): boolean {
  return hostname === from.hostname || isLoopbackSpelling(hostname) || insecureHosts.includes(host);
}

/**
 * Registries, token services and storage listen on the usual ports, or on the port of the registry. Any other port of its own host
 * must prove its name by a certificate. On loopback, where tests and tools run, there are no usual ports.
 */
function isPortOpen(target: URL, from: Sender, { allowed }: UrlRules): boolean {
  const { hostname, protocol } = target;
  const port = portOf(target);
  if (port === (protocol === 'https:' ? '443' : '80') || port === portOf(new URL(from.origin))) return true;
  if (hostname === from.hostname && protocol === 'https:') return true;
  if (isLoopbackSpelling(from.hostname) && isLoopbackSpelling(hostname)) return true;
  return allowed.port(hostname, port);
}

function portOf({ port, protocol }: URL): string {
  return port === '' ? (protocol === 'https:' ? '443' : '80') : port;
}
