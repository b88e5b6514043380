import { isIP } from 'node:net';
import {
  isLoopbackSpelling,
  objectionToUrl,
  parseAllowed,
  type Sender,
  type UrlRules,
} from '../http/index.ts';

/** Where the API of one registry is spoken to; requests stay there unless a redirect or a realm is let through. */
export interface Endpoint extends Sender {
  /** As in image names, e.g. `docker.io`, `registry.example.com:5000`. */
  readonly registry: string;
  /** By which it is judged where the registry sends requests to. */
  readonly rules: UrlRules;
}

/** Registries whose API lives on another host. */
const API_HOSTS: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/**
 * Second-level labels under which countries hand out names (`example.co.uk`): there, two labels are no one company's domain.
 * Not the public suffix list, only its common shape; where it misses, a token host is trusted as far as its registry's.
 */
const GENERIC_SECOND_LEVEL: ReadonlySet<string> = new Set(['ac', 'co', 'com', 'edu', 'gov', 'net', 'org']);

/** Finds the API of a registry: over https, or http for loopback hosts and those named in `insecureHosts`. */
export function endpointOf(
  registry: string,
  insecureHosts: readonly string[],
  allowed = parseAllowed([]),
): Endpoint {
  const host = API_HOSTS[registry] ?? registry;
  const { hostname } = new URL(`https://${host}`);
  const plain = isLoopbackSpelling(hostname) || insecureHosts.includes(registry);
  const { origin } = new URL(`${plain ? 'http' : 'https'}://${host}`);
  return { registry, origin, hostname, plain, rules: { insecureHosts, allowed } };
}

/**
 * Judges a token realm, which receives our login: besides {@link objectionToUrl} it must be the registry's own host, or a
 * name under the same domain as the registry (`registry-1.docker.io` and `auth.docker.io`).
 */
export function objectionToRealm(realm: URL, from: Endpoint): string | undefined {
  const related = realm.hostname === from.hostname || sameDomain(realm.hostname, from.hostname);
  return (
    objectionToUrl(realm, from, from.rules) ??
    (related ? undefined : 'it is not under the domain of the registry')
  );
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

/** Whether a `URL` hostname is an IP address and not a name. */
function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}
