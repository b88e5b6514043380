// An API server on a random loopback port over plain http: the cluster twin behind real HTTP, with the failures that tests set.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WatchEvent } from '../../../src/clients/kubernetes/types.ts';
import { createClusterTwin, type ClusterTwin } from '../twins/cluster.ts';
import { answer } from './answer.ts';
import { isWatch, readRequest, refusal, type ApiRequest, type Intercept, type Reply } from './http.ts';
import { routeOf, type Route } from './route.ts';

/** A running server. */
export interface ApiServer {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  /** What is stored; objects put here are seen by the watches. */
  readonly twin: ClusterTwin;
  /** All requests so far, in order. */
  readonly requests: readonly ApiRequest[];
  /** Bearer tokens that are accepted; without any, every request is. */
  readonly tokens: Set<string>;
  intercept(intercept: Intercept | undefined): void;
  /** Connections that are open. */
  connections(): Promise<number>;
  /** Cuts the connection under every watch. */
  cutWatches(): void;
  /** Sends text, whatever it is, to every watch. */
  writeToWatches(text: string): void;
  /** Ends every connection and listens no more, until {@link ApiServer.start}. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const WORDS = { added: 'ADDED', modified: 'MODIFIED', deleted: 'DELETED' } as const;

/** Starts a server; it is ready when the promise resolves. */
export async function startApiServer(): Promise<ApiServer> {
  const twin = createClusterTwin();
  const requests: ApiRequest[] = [];
  const tokens = new Set<string>();
  const watching = new Set<ServerResponse>();
  let intercept: Intercept | undefined;

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming);
    requests.push(request);
    const reply = intercept?.(request) ?? refused(request);
    if (reply === 'hang up') outgoing.destroy();
    if (typeof reply === 'string') return;
    const route = routeOf(request.url);
    if (reply) send(reply, outgoing);
    else if (!route) send({ status: 404, body: '404 page not found' }, outgoing);
    else if (isWatch(request)) await watch(route, request, outgoing);
    else send(await answer(twin, route, request), outgoing);
  };

  const watch = async (
    { collection }: Route,
    { url }: ApiRequest,
    outgoing: ServerResponse,
  ): Promise<void> => {
    const gone = new AbortController();
    outgoing.on('close', () => gone.abort());
    watching.add(outgoing);
    outgoing.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const from = url.searchParams.get('resourceVersion') ?? '';
    for await (const event of twin.watch(collection, from, gone.signal)) outgoing.write(`${lineOf(event)}\n`);
    watching.delete(outgoing);
    outgoing.end();
  };

  const refused = ({ headers }: ApiRequest): Reply | undefined => {
    const known = tokens.has(headers.authorization?.replace(/^Bearer /, '') ?? '');
    return tokens.size === 0 || known ? undefined : refusal(401, 'Unauthorized');
  };

  let port = 0;
  let server = createServer();
  const start = async (): Promise<void> => {
    server = createServer((incoming, outgoing) => {
      serve(incoming, outgoing).catch(() => outgoing.destroy());
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  };
  const stop = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    twin,
    requests,
    tokens,
    intercept: (next) => void (intercept = next),
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
    cutWatches: () => watching.forEach((outgoing) => outgoing.destroy()),
    writeToWatches: (text) => watching.forEach((outgoing) => outgoing.write(text)),
    stop,
    start,
    close: async () => {
      if (server.listening) await stop();
    },
  };
}

function send({ status, headers, body }: Reply, outgoing: ServerResponse): void {
  for (const [name, value] of Object.entries(headers ?? {})) outgoing.setHeader(name, value);
  const isText = typeof body === 'string';
  outgoing.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
  outgoing.end(isText ? body : JSON.stringify(body ?? {}));
}

function lineOf(event: WatchEvent): string {
  if (event.type === 'expired') {
    return JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
  }
  if (event.type !== 'bookmark') return JSON.stringify({ type: WORDS[event.type], object: event.object });
  const object = { apiVersion: 'v1', kind: 'Thing', metadata: { resourceVersion: event.resourceVersion } };
  return JSON.stringify({ type: 'BOOKMARK', object });
}
