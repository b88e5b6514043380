import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import { objectOf } from '../../core/model/index.ts';
import { createBodyRoom, type BodyRoom } from './body-room.ts';
import { isFor, type Caller } from './caller.ts';
import { streamHandler, type Streaming } from './stream.ts';

export interface Request {
  readonly body: Uint8Array | 'too large';
  readonly query: URLSearchParams;
  /** By lower-case name; of one that was sent twice what Node makes of it, which for `authorization` is the first. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A handler and where it is mounted. */
export interface Route {
  readonly method: 'get' | 'post';
  readonly path: string;
  /** For whom there is anything at or below `path`: every other caller gets the answer of a path without a route. Absent = at `path`, for all. */
  readonly admits?: (caller: Caller) => boolean;
  /** Bytes; a larger body reaches the handler as `too large`. */
  readonly maxBodyBytes: number;
  readonly handle: (request: Request) => Promise<Answer>;
}

/** Certificate chain and private key, PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients, PEM; absent = no client is asked for a certificate, from the start of a server to its end. */
  readonly clientCa?: string | undefined;
}

export interface ServerOptions {
  /** Empty = all addresses. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Absent = plain http. */
  readonly tls?: Tls;
  readonly routes: readonly Route[];
  /** Answers what no route is for; absent = 404. */
  readonly streaming?: Streaming;
  /** Milliseconds that open requests get to end at shutdown; {@link DRAIN_MS} when not given. */
  readonly drainMs?: number;
  /** Receives errors that no handler answered for. */
  readonly onError: (error: unknown) => void;
  /** For large bodies of all routes together. */
  readonly bodyRoom?: BodyRoom;
}

/** A server that listens. */
export interface Server {
  readonly port: number;
  /**
   * Serves new connections with another pair and other authorities; where the authorities differ, each open connection gets one
   * more answer at most. Throws the system's error when the pair does not fit; everything stays as it was then.
   */
  readonly setTls: (tls: Tls) => void;
  /**
   * From now on each answer is the last of its connection (`Connection: close`). After `lingerMs` milliseconds, in which callers
   * learn of other servers, takes no new connections, lets open requests end, then resolves. Connections without a
   * request are closed {@link LINGER_MS} later, all after {@link DRAIN_MS}.
   */
  readonly close: (lingerMs?: number) => Promise<void>;
}

/** Milliseconds for the head of a request to arrive: the API server is near; more is a slow-drip attack. */
const HEADERS_MS = 5_000;
/** Milliseconds for the whole request to arrive. */
const REQUEST_MS = 15_000;
/** Milliseconds an idle connection is kept: Go's HTTP client closes after 90 s, and the client has to close first. */
const KEEP_ALIVE_MS = 120_000;
/** Milliseconds open requests get to end at shutdown: the longest timeout of a webhook. */
const DRAIN_MS = 30_000;

/**
 * Milliseconds that idle connections stay open at shutdown. The next request may be on its way already, and a caller that has sent
 * one over a connection that was closed meanwhile cannot know whether it was executed: Go does not send a POST again.
 */
const LINGER_MS = 1_000;
/** Milliseconds between two checks for connections that have become idle after that. */
const IDLE_LOOK_MS = 50;

/** Listens on HTTPS (TLS 1.2 or newer) or plain http. Rejects with the system's error when the address or the key is wrong. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host, port, tls, drainMs = DRAIN_MS } = options;
  const app = application(options);
  const https = tls && createHttpsServer({ ...securityOf(tls), ...clientsOf(tls) }, app);
  const server = https ?? createHttpServer(app);
  const keepAlive = followKeepAlive(server);
  let clientCa = tls?.clientCa;
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = REQUEST_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host === '' ? undefined : host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    setTls: (pair) => {
      // A pair that does not fit must not reach the server: from then on it could answer no request.
      createSecureContext(securityOf(pair));
      https?.setSecureContext(securityOf(pair));
      if (pair.clientCa !== clientCa) keepAlive.renew();
      clientCa = pair.clientCa;
    },
    close: async (lingerMs = 0) => {
      keepAlive.end();
      if (lingerMs > 0) await sleep(lingerMs);
      await drain(server, drainMs);
    },
  };
}

function securityOf({ cert, key, clientCa }: Tls): SecureContextOptions {
  return { cert, key, ca: clientCa, minVersion: 'TLSv1.2' };
}

/** A client without a certificate may still ask for what is for all: each route decides for itself. */
function clientsOf({ clientCa }: Tls): { readonly requestCert: boolean; readonly rejectUnauthorized: false } {
  return { requestCert: clientCa !== undefined, rejectUnauthorized: false };
}

/**
 * `end` makes every answer from then on, also to requests under way, the last of its connection (`Connection: close`): a caller
 * that gets one sends its next request over another connection, which another replica takes. `renew` does so for the connections
 * that are open at that moment.
 */
function followKeepAlive(server: HttpServer | HttpsServer): {
  readonly end: () => void;
  readonly renew: () => void;
} {
  const open = new Set<ServerResponse>();
  let sockets = new WeakSet<Socket>();
  let ended = false;
  server.prependListener('connection', (socket: Socket) => sockets.add(socket));
  server.prependListener('secureConnection', (socket: Socket) => sockets.add(socket));
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    if (ended || !sockets.has(socket)) response.shouldKeepAlive = false;
    open.add(response);
    response.once('close', () => open.delete(response));
  });
  const renew = () => {
    sockets = new WeakSet();
    for (const response of open) response.shouldKeepAlive = false;
  };
  return {
    renew,
    end: () => {
      ended = true;
      renew();
    },
  };
}

function application({ routes, streaming, onError, bodyRoom }: ServerOptions): Express {
  const app = express();
  const roomFor = createBodyRoom(bodyRoom);
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  for (const route of routes) {
    const { method, handle } = route;
    const readBody = bodyReader(route, roomFor);
    const answer = async (body: Request['body'], request: express.Request, response: Response) => {
      const given = { body, query: queryOf(request.url), headers: headersOf(request) };
      send(response, await handle(given));
    };
    // Not the paths of Express: it takes other spellings of a path, too, and repeats in errors what it cannot decode.
    app.use((request, response, next) => {
      if (!isFor(route, request)) {
        next();
        return;
      }
      if (!METHODS[method].includes(request.method)) {
        refuse(response.setHeader('Allow', method.toUpperCase()), 405, 'method not allowed');
        return;
      }
      readBody(request, response, (error: unknown) => {
        const isTooLarge = objectOf(error).type === 'entity.too.large';
        if (error !== undefined && !isTooLarge) {
          next(error);
          return;
        }
        const read = request.body instanceof Uint8Array ? request.body : new Uint8Array();
        answer(isTooLarge ? 'too large' : read, request, response).catch(next);
      });
    });
  }
  if (streaming) app.use(streamHandler(streaming, headersOf));
  app.use((_request, response) => {
    refuse(response, 404, 'not found');
  });
  app.use(lastResort(onError));
  return app;
}

/** Methods of requests for a route: who asks for the head alone of a page gets it. */
const METHODS: Readonly<Record<Route['method'], readonly string[]>> = {
  get: ['GET', 'HEAD'],
  post: ['POST'],
};

/** Reads the body of a request for a route, as soon as there is room for it. */
function bodyReader(
  { method, maxBodyBytes }: Route,
  roomFor: ReturnType<typeof createBodyRoom>,
): RequestHandler {
  if (method === 'get') return (_request, _response, next) => next();
  const wait = roomFor(maxBodyBytes);
  const read = express.raw({ type: () => true, limit: maxBodyBytes });
  return (request, response, next) => {
    wait(request, response, () => read(request, response, next));
  };
}

/** Head and body leave in one write. */
function send(response: ServerResponse, { status, contentType, body }: Answer): void {
  const type = contentType.includes(';') ? contentType : `${contentType}; charset=utf-8`;
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  send(response, { status, contentType: 'text/plain', body: `${text}\n` });
}

/** Express recognises an error handler by its four parameters. */
function lastResort(onError: (error: unknown) => void): ErrorRequestHandler {
  return (error: unknown, _request, response, _next) => {
    const status = statusOf(error);
    if (status >= 500) onError(error);
    if (response.headersSent) response.end();
    else refuse(response, status, status < 500 ? 'bad request' : 'internal error');
  };
}

function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

function headersOf({ headers }: express.Request): ReadonlyMap<string, string> {
  // A map has no `constructor` to be found under a configured name.
  const read = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) if (typeof value === 'string') read.set(name, value);
  return read;
}

function statusOf(error: unknown): number {
  const { status } = objectOf(error);
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

async function drain(server: HttpServer | HttpsServer, drainMs: number): Promise<void> {
  // Not the method of the HTTP server: that one also closes idle connections, at once.
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve());
  });
  let idle: NodeJS.Timeout | undefined;
  const linger = setTimeout(() => {
    // A caller may also be slow to hang up after its last answer. What arrived while this process had no processor is read first.
    idle = setInterval(() => setImmediate(() => server.closeIdleConnections()), IDLE_LOOK_MS);
  }, LINGER_MS);
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  for (const timer of [linger, idle, cut]) clearTimeout(timer);
  // Only now, for what it does besides: it ends the looks for slow callers.
  server.close();
}
