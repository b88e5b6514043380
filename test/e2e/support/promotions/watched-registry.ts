import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { forward } from './locked-registry.ts';

/** A proxy in front of another registry that records all requests. */
export interface WatchedRegistry {
  /** Host and port, as the beginning of an image reference. */
  readonly host: string;
  /** The requests since the last {@link WatchedRegistry.forget}: method and path, without the query. */
  requests(): readonly string[];
  forget(): void;
  stop(): Promise<void>;
}

/** Listens on loopback, in front of the registry at host and port `behind`. */
export async function watch(behind: string): Promise<WatchedRegistry> {
  let requests: string[] = [];
  const server = createServer((asked, answer) => {
    requests.push(`${asked.method ?? ''} ${(asked.url ?? '').replace(/\?.*$/, '')}`);
    forward(behind, asked, answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${String(port)}`,
    requests: () => [...requests],
    forget: () => {
      requests = [];
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
