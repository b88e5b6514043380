import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { addressIn, blockList, isClusterName, isListed, isLoopbackSpelling, plainName } from './address.ts';

/**
 * What is reached without a proxy, as in Go's `httpproxy`: `*` is everything, a domain is itself and all below it, `.domain` and
 * `*.domain` are all below it, and hosts and addresses may have a port. Ranges are of hosts that are written as addresses. Besides:
 * loopback, the API server, and names of the cluster, which no proxy outside of it can find.
 */
export function directBy(texts: readonly string[], apiServer: string | undefined): (url: URL) => boolean {
  const entries = texts
    .map((text) => parseEntry(text.trim().toLowerCase()))
    .filter((one) => one !== undefined);
  return ({ hostname, port, protocol }) => {
    const name = plainName(hostname);
    if (isLoopbackSpelling(name) || isClusterName(name)) return true;
    if (apiServer !== undefined && addressIn(name) === apiServer) return true;
    const target = { name, port: port === '' ? (protocol === 'https:' ? '443' : '80') : port };
    return entries.some((matches) => matches(target));
  };
}

type Matches = (target: { readonly name: string; readonly port: string }) => boolean;

/** Reads one entry; `undefined` where it names nothing, which Go passes over, too. */
function parseEntry(text: string): Matches | undefined {
  if (text === '*') return () => true;
  const range = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(text);
  if (range) return isRange(range) ? matchesAddress(text) : undefined;
  const bare = addressIn(text);
  if (bare !== undefined) return matchesAddress(bare);
  const [, host = '', port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(text) ?? [];
  const address = addressIn(host);
  const matches = address === undefined ? matchesName(host) : matchesAddress(address);
  return matches && ((target) => (port === undefined || port === target.port) && matches(target));
}

function isRange([, net = '', prefix]: RegExpExecArray): boolean {
  return isIP(net) !== 0 && Number(prefix) <= (isIP(net) === 4 ? 32 : 128);
}

function matchesAddress(range: string): Matches {
  const list = blockList([range]);
  return ({ name }) => isListed(list, name);
}

function matchesName(text: string): Matches | undefined {
  const below = text.replace(/^\*(?=\.)/, '');
  const domain = domainToASCII(plainName(below.replace(/^\./, '')));
  if (domain === '') return undefined;
  return ({ name }) => name.endsWith(`.${domain}`) || (!below.startsWith('.') && name === domain);
}
