// A forward proxy on loopback that records every request: CONNECT, and requests in absolute form. It finds no names: every host is
// where `route` says.
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** Answers a CONNECT in place of the proxy, which has to end the connection. */
type Misbehave = (socket: Socket) => void;

/** How a proxy behaves. */
export interface ProxyOptions {
  /** The loopback port at which a host is, e.g. for `registry.example.com:443`; `undefined` = it is not found. */
  readonly route: (authority: string) => number | undefined;
  /** `name:password` that is asked for; absent = none. */
  readonly login?: string;
  /** PEM; makes it a proxy that is spoken to over TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly misbehave?: Misbehave;
}

/** A running proxy. */
export interface ForwardProxy {
  /** Scheme, host and port. */
  readonly url: string;
  readonly host: string;
  /** What was asked for, such as `CONNECT registry.example.com:443` or `GET http://registry.example.com/v2/`. */
  readonly seen: readonly string[];
  /** The values of `Proxy-Authorization` that came, each with what it came for. */
  readonly logins: readonly string[];
  readonly close: () => Promise<void>;
}

/** Starts a proxy; it is ready when the promise resolves. */
export async function startProxy({ route, login, tls, misbehave }: ProxyOptions): Promise<ForwardProxy> {
  const seen: string[] = [];
  const logins: string[] = [];
  const sockets = new Set<Socket>();
  const isRefused = ({ headers, method = '', url = '' }: IncomingMessage): boolean => {
    const given = headers['proxy-authorization'];
    seen.push(`${method} ${url}`);
    if (given !== undefined) logins.push(`${given} for ${url}`);
    return login !== undefined && given !== `Basic ${Buffer.from(login).toString('base64')}`;
  };
  const forward = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const refused = isRefused(incoming);
    const target = new URL(incoming.url ?? '/', 'http://none.invalid');
    const port = route(`${target.hostname}:${target.port || '80'}`);
    if (refused || port === undefined) {
      outgoing.writeHead(refused ? 407 : 404, { 'content-type': 'text/html', 'proxy-authenticate': 'Basic' });
      outgoing.end('<html>the proxy</html>');
      return;
    }
    const headers = { ...incoming.headers };
    delete headers['proxy-authorization'];
    const path = `${target.pathname}${target.search}`;
    const behind = request({ host: '127.0.0.1', port, path, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    behind.on('error', () => outgoing.destroy());
    incoming.pipe(behind);
  };
  const server = tls ? createTlsServer(tls, forward) : createServer(forward);
  server.on('connect', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    const refused = isRefused(incoming);
    if (misbehave) {
      misbehave(socket);
      return;
    }
    const port = route(incoming.url ?? '');
    if (refused || port === undefined) {
      socket.end(
        `HTTP/1.1 ${refused ? '407 Proxy Authentication Required' : '502 Bad Gateway'}\r\n\r\n<html>the proxy</html>`,
      );
      return;
    }
    const behind = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      behind.write(head);
      behind.pipe(socket);
      socket.pipe(behind);
    });
    sockets.add(behind);
    behind.on('error', () => socket.destroy());
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url: `${tls ? 'https' : 'http'}://${host}`,
    ...{ host, seen, logins },
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
