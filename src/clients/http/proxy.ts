// Loaded where a proxy is configured, and nowhere else.
import { createSecureContext, getCACertificates } from 'node:tls';
import type { Socket } from 'node:net';
import { Agent, buildConnector, Client, Pool, setGlobalDispatcher, type Dispatcher } from 'undici';
import { errorCode, failed, parsed, problem, type Parsed } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import {
  certificateProblem,
  ProxyFailure,
  type HowToOpen,
  type Proxies,
  type ProxyServer,
  type ProxySources,
} from './connection.ts';
import { directBy } from './no-proxy.ts';

/** Where a proxy is, and how to log in to it. */
interface Place {
  readonly url: URL;
  readonly login: Login | undefined;
  /** PEM of authorities to trust besides those of the system. */
  readonly ca: string;
}

interface Login {
  readonly username: string;
  readonly password: string;
}

/**
 * Reads the proxies of the settings, and of the variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper case before lower case as
 * programs in Go do. A setting wins over its variable, and an empty one means none. The login of the settings is for the proxies of the
 * settings only.
 */
export async function readProxies(
  settings: Settings['proxy'],
  { environment, readText, readCertificates }: ProxySources,
): Promise<Parsed<Proxies>> {
  const ca = await readCertificates(settings.caFiles);
  const login = settings.loginFile === undefined ? parsed(undefined) : await readLogin(settings, readText);
  if (!ca.ok || !login.ok) return failed([ca, login]);
  const variable = (name: string): string =>
    [environment[name], environment[name.toLowerCase()]].find((value = '') => value !== '') ?? '';
  const placeOf = (scheme: 'http' | 'https'): Parsed<Place | undefined> => {
    const set = settings[scheme];
    const name = `${scheme.toUpperCase()}_PROXY`;
    const trust = { ca: ca.value };
    if (set !== undefined) return parsePlace(`proxy.${scheme}`, set, { ...trust, login: login.value });
    return parsePlace(name, variable(name), trust);
  };
  const [http, https] = [placeOf('http'), placeOf('https')];
  if (!http.ok || !https.ok) return failed([http, https]);
  const direct = settings.noProxy ?? variable('NO_PROXY').split(/[\s,]+/);
  const isDirect = directBy(direct, environment.KUBERNETES_SERVICE_HOST);
  const servers = { 'http:': serverAt(http.value), 'https:': serverAt(https.value) };
  return parsed({
    of: (url) => (isDirect(url) ? undefined : servers[url.protocol as keyof typeof servers]),
    // Not all programs know the star.
    environment: direct.includes('*')
      ? { ...inBothCases('HTTP_PROXY', ''), ...inBothCases('HTTPS_PROXY', '') }
      : {
          ...inBothCases('HTTP_PROXY', withLogin(http.value)),
          ...inBothCases('HTTPS_PROXY', withLogin(https.value)),
          ...inBothCases('NO_PROXY', [...direct, ...ALWAYS_DIRECT].filter(Boolean).join(',')),
        },
  });
}

/** What is reached without a proxy anyway, for programs that do not know it. */
const ALWAYS_DIRECT = ['localhost', '127.0.0.1', '::1', '.svc', '.cluster.local'];

/** Milliseconds for each step of a connection through a proxy, for libraries that do not say. */
const CONNECT_MS = 10_000;

/** Lets libraries that connect by themselves use the proxies: by the variables of the process, or by the `fetch` of Node.js. */
export function shareProxies(proxies: Proxies, { setEnvironment }: ProxySources): void {
  if (!setEnvironment) return;
  setEnvironment(proxies.environment);
  const factory = (origin: string | URL, options: object): Dispatcher => {
    const url = new URL(origin);
    const how = { timeout: CONNECT_MS };
    return proxies.of(url)?.open(url.origin, how).dispatcher ?? new Pool(origin, options);
  };
  setGlobalDispatcher(new Agent({ factory }));
}

function inBothCases(name: string, value: string): Record<string, string> {
  return { [name]: value, [name.toLowerCase()]: value };
}

function withLogin(place: Place | undefined): string {
  if (!place) return '';
  const { url, login } = place;
  const text = login && `${encodeURIComponent(login.username)}:${encodeURIComponent(login.password)}@`;
  return `${url.protocol}//${text ?? ''}${url.host}`;
}

async function readLogin(
  { loginFile = '' }: Settings['proxy'],
  readText: ProxySources['readText'],
): Promise<Parsed<Login>> {
  const text = await readText(loginFile);
  if (!text.ok) return text;
  const [, username, password] = /^([^:\r\n]+):([^\r\n]*)\r?\n?$/.exec(text.value) ?? [];
  if (username !== undefined && password !== undefined) return parsed({ username, password });
  return problem('proxy.loginFile', `${loginFile} is not one line with name:password`);
}

/** Without the text in any problem: it may hold a login. */
function parsePlace(
  path: string,
  text: string,
  { login, ca }: Partial<Place> & Pick<Place, 'ca'>,
): Parsed<Place | undefined> {
  const address = text.trim();
  if (address === '') return parsed(undefined);
  const url = URL.parse(address.includes('://') ? address : `http://${address}`);
  if (url?.protocol.startsWith('socks'))
    return problem(path, 'names a SOCKS proxy; only HTTP proxies can be used');
  if (!url || !isBare(url))
    return problem(path, 'is not the address of a proxy such as http://proxy.example.com:3128');
  return parsed({ url, ca, login: login ?? loginIn(url) });
}

function isBare({ protocol, pathname, search, hash }: URL): boolean {
  return /^https?:$/.test(protocol) && pathname === '/' && search === '' && hash === '';
}

function loginIn({ username, password }: URL): Login | undefined {
  return username === '' && password === ''
    ? undefined
    : { username: decode(username), password: decode(password) };
}

/** A percent sign that begins no code stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function serverAt(place: Place | undefined): ProxyServer | undefined {
  if (!place) return undefined;
  const { url, login, ca } = place;
  const isTls = url.protocol === 'https:';
  const proxyContext =
    isTls && ca !== '' ? createSecureContext({ ca: [...getCACertificates('default'), ca] }) : undefined;
  const token = login && Buffer.from(`${login.username}:${login.password}`).toString('base64');
  const headers: Record<string, string> =
    token === undefined ? {} : { 'proxy-authorization': `Basic ${token}` };
  const toProxy = ({ lookup, timeout }: HowToOpen): buildConnector.connector => {
    const connect = buildConnector({ lookup, timeout, secureContext: proxyContext, allowH2: false });
    const { hostname, host, protocol, port } = url;
    // By the name of the proxy, whatever host is asked for behind it.
    return (_target, callback) => {
      connect({ hostname, host, protocol, port }, (error, socket) => {
        if (error) callback(failureOf(url, error), null);
        else callback(null, socket);
      });
    };
  };
  return {
    open: (origin, how) => {
      const connect = toProxy(how);
      if (origin.startsWith('https:')) {
        const pool = new Pool(origin, {
          ...how.options,
          connect: tunnelOver(url, connect, { headers, how }),
        });
        return { pool, dispatcher: pool };
      }
      const pool = new Pool(url.origin, { ...how.options, connect });
      return { pool, dispatcher: pool.compose(inAbsoluteForm(url, origin, headers)) };
    },
  };
}

interface Tunnelling {
  readonly headers: Readonly<Record<string, string>>;
  readonly how: HowToOpen;
}

/** Connects by CONNECT (RFC 9110 §9.3.6), then speaks TLS with the host itself: the proxy sees its name, and nothing of what is sent. */
function tunnelOver(
  proxy: URL,
  connect: buildConnector.connector,
  { headers, how: { timeout, secureContext } }: Tunnelling,
): buildConnector.connector {
  const secure = buildConnector({ timeout, secureContext, allowH2: false });
  const tunnel = async ({ hostname, port }: buildConnector.Options): Promise<Socket> => {
    const authority = `${hostname}:${port === '' ? '443' : port}`;
    const client = new Client(proxy.origin, { connect, headersTimeout: timeout, bodyTimeout: timeout });
    try {
      const { statusCode, socket } = await client.connect({
        path: authority,
        headers: { ...headers, host: authority },
      });
      if (statusCode >= 200 && statusCode < 300) return socket as Socket;
      socket.on('error', () => undefined).destroy();
      throw refusalOf(proxy, statusCode);
    } catch (error) {
      throw failureOf(proxy, error);
    } finally {
      void client.destroy().catch(() => undefined); // what became the tunnel is no longer the client's
    }
  };
  return (target, callback) => {
    tunnel(target).then(
      (httpSocket) => {
        secure({ ...target, httpSocket }, callback);
      },
      (error: unknown) => {
        callback(error as Error, null);
      },
    );
  };
}

/** Sends requests in absolute form (RFC 9112 §3.2.2), and makes a failure of what the proxy answers by itself. */
function inAbsoluteForm(
  proxy: URL,
  origin: string,
  login: Readonly<Record<string, string>>,
): Dispatcher.DispatcherComposeInterceptor {
  const { host } = new URL(origin);
  return (dispatch) => (options, handler) => {
    const headers = { ...headersOf(options.headers), host, ...login };
    const watching: typeof handler = {
      onRequestStart: (...given) => handler.onRequestStart?.(...given),
      onResponseStart: (controller, status, answered, ...more) => {
        if (isOfProxy(status, answered)) controller.abort(refusalOf(proxy, status));
        else handler.onResponseStart?.(controller, status, answered, ...more);
      },
      onResponseData: (...given) => handler.onResponseData?.(...given),
      onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
      onResponseError: (...given) => handler.onResponseError?.(...given),
    };
    return dispatch(
      { ...options, origin: proxy.origin, path: `${origin}${options.path}`, headers },
      watching,
    );
  };
}

/** Headers come as an object or, from `fetch`, as names and values by turns. */
function headersOf(headers: Dispatcher.DispatchOptions['headers']): Readonly<Record<string, unknown>> {
  if (!Array.isArray(headers)) return { ...(headers as object) };
  const pairs = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : []));
  return Object.fromEntries(pairs) as Record<string, unknown>;
}

/**
 * Whether an answer over plain http is one of the proxy: it says so (RFC 9110 §15.5.8, RFC 9209, Squid), or it is a page for people. Such
 * a 404 must not mean that there is no image.
 */
function isOfProxy(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): boolean {
  if (status === 407) return true;
  const isMarked =
    headers['x-squid-error'] !== undefined || String(headers['proxy-status']).includes('error=');
  return status >= 400 && (isMarked || /^text\/html/i.test(String(headers['content-type'])));
}

/** Statuses that may be others a moment later: a timeout, too many requests, and whatever the proxy has not reached. */
function refusalOf(proxy: URL, status: number): ProxyFailure {
  const why =
    status === 407
      ? ': it needs a login, or refuses this one'
      : status === 403
        ? ': a rule of its own is against it'
        : '';
  const transient = status === 408 || status === 429 || status >= 500;
  return new ProxyFailure(`the proxy ${proxy.host} answered ${status}${why}`, transient);
}

const TIMEOUTS: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
]);

/** Without the error as its cause, and with a name of its own: undici tries again for ever after some errors of its connections. */
function failureOf({ host }: URL, error: unknown): ProxyFailure {
  if (error instanceof ProxyFailure) return error;
  const code = errorCode(error);
  const certificate = certificateProblem(code);
  if (certificate !== undefined)
    return new ProxyFailure(`the proxy ${host}: ${certificate}; its CA is named in proxy.caFiles`, false);
  if (TIMEOUTS.has(code)) return new ProxyFailure(`the proxy ${host} did not answer in time`, true);
  return new ProxyFailure(`the connection to the proxy ${host} failed${code && ` (${code})`}`, true);
}
