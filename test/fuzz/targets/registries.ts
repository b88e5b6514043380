import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { pullSecretLogins } from '../../../src/clients/registry/index.ts';
import { parseChallenges } from '../../../src/clients/registry/auth/challenge.ts';
import { parseDockerConfig, storedLogin } from '../../../src/clients/registry/auth/logins.ts';
import { fetchToken } from '../../../src/clients/registry/auth/token.ts';
import type { Answer, Call } from '../../../src/clients/registry/call.ts';
import { endpointOf } from '../../../src/clients/registry/endpoint.ts';
import { placeOf, readPages } from '../../../src/clients/registry/link.ts';
import { retryAfterMs } from '../../../src/clients/registry/pause.ts';
import { addressKind, comparePrivacy } from '../../../src/clients/http/address.ts';
import { parseAllowed } from '../../../src/clients/http/address.ts';
import { objectionToUrl, parseSentUrl } from '../../../src/clients/http/url.ts';
import { Fault, objectOf, parseReference, textOf } from '../../../src/core/model/index.ts';
import { parseSettings } from '../../../src/core/settings/index.ts';
import { NOW } from '../../support/policies.ts';
import { demand, onJson, textIn, type Target } from '../engine/target.ts';

const REGISTRY = 'registry.example.com';
const REPOSITORY = 'shop/web';

/** A call to a registry that answers with a body, or with nothing. */
function callWith(asked: URL[] = []): Call {
  return {
    operation: 'tags',
    doing: 'read tags',
    endpoint: endpointOf(REGISTRY, []),
    repository: REPOSITORY,
    side: 'source',
    access: 'pull',
    patient: false,
    signal: new AbortController().signal,
    transport: async (_, { url }) => {
      asked.push(url);
      return answerOf(url, {}, '{}');
    },
  };
}

function answerOf(url: URL, headers: Answer['headers'], body: string): Answer {
  // The client reads a body as a stream, and drops it; no more of undici's type is used.
  return { status: 200, headers, url, body: Readable.from([Buffer.from(body)]) as unknown as Answer['body'] };
}

/** What the work ends with, by its reason; anything but a Fault is a bug. */
async function codeOf(work: () => Promise<string> | string): Promise<string> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    demand(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(error.message), 'a message has no control characters');
    return error.code;
  }
}

const challenges: Target = {
  name: 'challenges',
  form: 'text',
  check: (input) => {
    const read = parseChallenges(textIn(input).split('\n'));
    for (const { scheme, parameters } of read) {
      demand(/^[^\s,"]+$/.test(scheme) && scheme === scheme.toLowerCase(), 'a scheme is one word');
      for (const name of parameters.keys()) demand(name === name.toLowerCase(), 'names are in lower case');
    }
    return read
      .map(({ scheme, parameters }) => `${scheme.slice(0, 6)} ${String(parameters.size)}`)
      .slice(0, 3)
      .join();
  },
};

const tokens: Target = {
  name: 'token-answers',
  form: 'json',
  check: (input) =>
    codeOf(async () => {
      const url = new URL('https://auth.example.com/token');
      const question = { realm: url, service: 'registry', scopes: [], login: undefined };
      const exchange = async () => answerOf(url, {}, textIn(input));
      const { value, until } = await fetchToken(exchange, callWith(), question, () => NOW);
      demand(/^[\x21-\x7e]+$/.test(value), 'a token can stand in a header');
      const lifetime = until.getTime() - NOW.getTime();
      demand(lifetime >= 0 && lifetime <= 86_400_000, 'a token lasts a day at most');
      return 'token';
    }),
};

const links: Target = {
  name: 'links',
  form: 'text',
  check: (input) =>
    codeOf(async () => {
      const asked: URL[] = [];
      const from = new URL(`https://${REGISTRY}/v2/${REPOSITORY}/tags/list`);
      const page = answerOf(from, { link: textIn(input).split('\n') }, '');
      const ask = { method: 'GET' } as const;
      const read = async () => ({ items: [], entries: 0 });
      const limits = { maxPages: 2, maxEntries: 10, maxBytes: 1_000 };
      await readPages(callWith(asked), { page, bytes: Buffer.alloc(0) }, { ...limits, ask, read });
      for (const { origin, pathname } of asked) {
        demand(origin === from.origin, 'the next page is at the same registry');
        const path = new URL(pathname.replaceAll(/%2e/gi, '.').replaceAll(/%2f|%5c/gi, '/'), from).pathname;
        demand(
          path.startsWith(`/v2/${REPOSITORY}/`),
          'the next page is in the same repository, also when decoded',
        );
      }
      return `next ${String(asked.length)}`;
    }),
};

const headers: Target = {
  name: 'retry-after',
  form: 'text',
  check: (input) => {
    const wait = retryAfterMs(textIn(input), NOW);
    if (wait === undefined) return 'none';
    demand(Number.isFinite(wait) && wait >= 0, 'a wait is a number of milliseconds');
    return wait > 0 ? 'some' : 'no time';
  },
};

/** What may be sent to by https, without any setting. */
function isUsual({ protocol, port, username, password, hostname }: URL): boolean {
  if (protocol !== 'https:' || username !== '' || password !== '') return false;
  return port === '' || hostname === REGISTRY;
}

const urls: Target = {
  name: 'urls',
  form: 'text',
  check: async (input) => {
    const text = textIn(input);
    const from = new URL(`https://${REGISTRY}/v2/`);
    const sender = endpointOf(REGISTRY, []);
    const url = parseSentUrl(text, from);
    const place = await codeOf(() => placeOf(callWith(), from, text, 'redirects').protocol);
    if (url === undefined) return place;
    const isOpen =
      objectionToUrl(url, sender, { insecureHosts: [], allowed: parseAllowed([]) }) === undefined;
    demand(isOpen === isUsual(url), 'requests go on to https on the usual ports only');
    demand(isOpen === place.endsWith(':'), 'a redirect is followed by the same rules');
    demand(/^[\x21-\x7e]*$/.test(url.href), 'an address has plain characters');
    return `${url.protocol.slice(0, 8)} ${String(isOpen)}`;
  },
};

/** Addresses of IPv6 by which packets come to this one of IPv4. */
function wrappings(v4: string): readonly string[] {
  const hex = v4.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  const groups = `${hex.slice(0, 2).join('')}:${hex.slice(2).join('')}`;
  return [`::${v4}`, `::ffff:${v4}`, `::ffff:0:${groups}`, `64:ff9b::${v4}`, `2002:${groups}::1`];
}

const addresses: Target = {
  name: 'addresses',
  form: 'text',
  check: (input) => {
    const text = textIn(input);
    const kind = addressKind(text);
    const bare = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
    if (isIP(bare) === 0) {
      demand(kind === 'link-local', 'what is no address leads nowhere');
      return 'none';
    }
    if (isIP(bare) === 4)
      for (const other of wrappings(bare).filter((one) => one !== '::0.0.0.1'))
        demand(comparePrivacy(addressKind(other), kind) >= 0, 'an address is no more public by another way');
    else {
      const spelled = URL.parse(`http://[${bare}]/`)?.hostname ?? '';
      demand(addressKind(spelled) === kind, 'an address is of one kind in every spelling');
    }
    return `${String(isIP(bare))} ${kind}`;
  },
};

const PLACES = ['registry.example.com/shop/web', 'nginx', 'ghcr.io/acme/web', 'localhost:5000/web'].flatMap(
  (name) => {
    const read = parseReference(name);
    return read.ok ? [read.value] : [];
  },
);
const HUB_KEYS = /(?:^|\/\/)(?:index\.docker\.io|registry-1\.docker\.io|docker\.io)(?:\/|$)/i;

const dockerConfigs: Target = {
  name: 'docker-configs',
  form: 'json',
  check: (input) => {
    const text = textIn(input);
    const config = parseDockerConfig(text);
    const { unreadable, scope } = pullSecretLogins([{ source: 'pull', text }]);
    // What a secret says of helpers is not read.
    if (config) demand(config.broken.length > 0 === unreadable.length > 0, 'what cannot be read is named');
    demand(
      pullSecretLogins([{ source: 'other', text }]).scope === scope,
      'the same logins have the same scope',
    );
    if (config === undefined) return 'unreadable';
    const keys = Object.keys(objectOf(objectOf(JSON.parse(text)).auths));
    const logins = PLACES.map((place) => {
      const login = storedLogin(config.logins, place);
      const isNamed = keys.some((key) =>
        place.registry === 'docker.io' ? HUB_KEYS.test(key) : key.toLowerCase().includes(place.registry),
      );
      if (login) demand(isNamed, 'a login is used where its key names the host');
      return login?.kind ?? '-';
    });
    for (const helper of [...config.helpers.values(), config.store ?? 'x'])
      demand(
        /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(helper),
        'a helper is the name of a program, no path, no option',
      );
    return `${logins.join(' ')} ${String(Math.min(config.helpers.size, 2))}`;
  },
};

const allowedHosts: Target = {
  name: 'allowed-hosts',
  form: 'json',
  check: onJson((value) => {
    const written = { registries: { allowedAddresses: objectOf(value).allowed } };
    const read = parseSettings(written);
    if (!read.ok) return 'refused';
    const { allowedAddresses: texts } = read.value.registries;
    const host = textOf(objectOf(value).host);
    const allowed = parseAllowed(texts);
    const [isAllowed, isListed] = [allowed.host(host), allowed.address(host)];
    const plain = host.toLowerCase().replace(/\.+$/, '');
    const names = texts.map((text) => text.toLowerCase().replace(/:\d+$/, '').replace(/\.+$/, ''));
    const isNamed = names.some(
      (name) => name === plain || (name.startsWith('*.') && plain.endsWith(name.slice(1))),
    );
    demand(isNamed || !isAllowed, 'a host is allowed where it is named');
    if (isListed) demand(isIP(host.replace(/^\[|\]$/g, '').replace(/%.*$/, '')) !== 0, 'an address is one');
    return String(isAllowed);
  }),
};

export const REGISTRIES: readonly Target[] = [
  challenges,
  tokens,
  links,
  headers,
  urls,
  addresses,
  dockerConfigs,
  allowedHosts,
];
