import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Spreads TCP connections over backends that are ready, as kube-proxy does for a Service. */
export interface Balancer {
  readonly port: number;
  /** Ports on 127.0.0.1 that get connections from now on. */
  setBackends(ports: readonly number[]): void;
  stop(): Promise<void>;
}

/** Listens on 127.0.0.1 at this port. A connection without any backend is refused, like a Service without endpoints. */
export async function startBalancer(port: number): Promise<Balancer> {
  let backends: readonly number[] = [];
  let next = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const backend = backends[next++ % Math.max(1, backends.length)];
    if (backend === undefined) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(backend, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => hangUp(other));
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    setBackends: (ports) => {
      backends = ports;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * Passes on that a connection broke. A reset of a socket that is ending already is refused by the system, and Node then never
 * closes it: the other side and the end of this process would then wait without end.
 */
function hangUp(socket: Socket): void {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
