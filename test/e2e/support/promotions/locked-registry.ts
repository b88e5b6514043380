import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A proxy in front of another registry that requires a login: images are pushed there and read here. */
export interface LockedRegistry {
  /** Host and port, as the beginning of an image reference. */
  readonly host: string;
  /** The callers since the last {@link LockedRegistry.forget}, by name; `''` = a caller without a valid login. */
  callers(): ReadonlySet<string>;
  forget(): void;
  /** Host and port of the registry behind it. */
  forwardTo(host: string): void;
  stop(): Promise<void>;
}

/** Listens on loopback and accepts these users, name → password, by Basic authentication. */
export async function startLockedRegistry(people: Readonly<Record<string, string>>): Promise<LockedRegistry> {
  const names = new Map(Object.entries(people).map(([name, password]) => [basic(name, password), name]));
  const callers = new Set<string>();
  let behind = '';
  const server = createServer((asked, answer) => {
    const name = names.get(asked.headers.authorization ?? '');
    callers.add(name ?? '');
    if (name === undefined) refuse(answer);
    else forward(behind, asked, answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${String(port)}`,
    callers: () => new Set(callers),
    forget: () => {
      callers.clear();
    },
    forwardTo: (host) => {
      behind = host;
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The login of one person in the form of the header. */
export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

function refuse(answer: ServerResponse): void {
  answer.writeHead(401, { 'www-authenticate': 'Basic realm="locked"', 'content-type': 'application/json' });
  answer.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }));
}

/** Hands a request on to another registry, without its login, and the answer back. */
export function forward(behind: string, asked: IncomingMessage, answer: ServerResponse): void {
  const [hostname, port] = behind.split(':');
  const headers = { ...asked.headers };
  delete headers.authorization;
  const options = { hostname, port, method: asked.method, path: asked.url, headers };
  const onward = request(options, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
  });
  onward.on('error', () => answer.destroy());
  asked.pipe(onward);
}
