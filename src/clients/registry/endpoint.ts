import { isIP } from 'node:net';
import {
  isLoopbackSpelling,
  objectionToUrl,
  parseAllowed,
  type Allowed,
  type Sender,
  type UrlRules,
} from '../http/index.ts';

/** Where the API of one registry is spoken to; requests stay there unless a redirect or a realm is let through. */
export interface Endpoint extends Sender {
  /** As in image names, e.g. `docker.io`, `registry.example.com:5000`. */
  readonly registry: string;
  /** By which it is judged where the registry sends requests to. */
  readonly rules: UrlRules;
  /** Hosts of other domains that an administrator names as token services of this registry. */
  readonly tokenServices: readonly Allowed[];
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
  tokenServices: readonly TokenService[] = [],
): Endpoint {
  const host = API_HOSTS[registry] ?? registry;
  const { hostname } = new URL(`https://${host}`);
  const plain = isLoopbackSpelling(hostname) || insecureHosts.includes(registry);
  const { origin } = new URL(`${plain ? 'http' : 'https'}://${host}`);
  const own = tokenServices.filter(({ of }) => isNamed(of, new URL(`https://${registry}`).hostname));
  return {
    ...{ registry, origin, hostname, plain, rules: { insecureHosts, allowed } },
    tokenServices: own.map(({ hosts }) => hosts),
  };
}

/** Registries, and the hosts to which their logins may be sent. */
export interface TokenService {
  readonly of: Allowed;
  readonly hosts: Allowed;
}

/** Reads what settings name: registries and hosts, each with optional port, or all below a domain (`*.example.com`). */
export function parseTokenServices(
  named: readonly { readonly registries: readonly string[]; readonly hosts: readonly string[] }[],
): readonly TokenService[] {
  return named.map(({ registries, hosts }) => ({ of: parseAllowed(registries), hosts: parseAllowed(hosts) }));
}

/**
 * Judges a token realm, which receives our login: besides {@link objectionToUrl} it must be the registry's own host, a name under the
 * same domain as the registry (`registry-1.docker.io` and `auth.docker.io`), or named by an administrator for this registry.
 */
export function objectionToRealm(realm: URL, from: Endpoint): string | undefined {
  const { hostname } = realm;
  const { allowed } = from.rules;
  const port = (host: string, text: string): boolean =>
    allowed.port(host, text) || from.tokenServices.some((named) => named.port(host, text));
  const objection = objectionToUrl(realm, from, { ...from.rules, allowed: { ...allowed, port } });
  if (objection !== undefined || hostname === from.hostname || sameDomain(hostname, from.hostname))
    return objection;
  return from.tokenServices.some((named) => isNamed(named, hostname)) ? undefined : OTHER_DOMAIN;
}

function isNamed({ host, address }: Allowed, hostname: string): boolean {
  return host(hostname) || address(hostname);
}

const OTHER_DOMAIN =
  'it is not under the domain of the registry; only an administrator can allow it, in registries.tokenServices';

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
