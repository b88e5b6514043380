import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A proxy to a server, which a test can cut or pause. It forwards bytes without TLS termination. */
export interface NetworkCut {
  /** `https://127.0.0.1:…` */
  readonly url: string;
  /** Cuts every connection; with `refuse` new ones too, until {@link NetworkCut.mend}. */
  cut(how?: 'refuse'): void;
  /** From now on no byte arrives on the connections that are open, in either direction, and neither end is notified. */
  freeze(): void;
  mend(): void;
  stop(): Promise<void>;
}

/** Starts a proxy to a server on loopback. */
export async function openNetworkCut(server: string): Promise<NetworkCut> {
  const { hostname, port } = new URL(server);
  const pairs = new Set<readonly [Socket, Socket]>();
  let refusing = false;
  const listener = createServer((near) => {
    near.on('error', () => undefined); // the other side sees the end of its connection
    if (refusing) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname).on('error', () => near.destroy());
    const pair = [near, far] as const;
    pairs.add(pair);
    near.pipe(far).pipe(near);
    near.on('close', () => {
      far.destroy();
      pairs.delete(pair);
    });
    far.on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const cut = (): void => pairs.forEach(([near]) => near.destroy());
  return {
    url: `https://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    cut: (how) => {
      refusing = how === 'refuse';
      cut();
    },
    freeze: () => pairs.forEach((pair) => pair.forEach((socket) => socket.unpipe().pause())),
    mend: () => void (refusing = false),
    stop: async () => {
      const closed = once(listener, 'close');
      listener.close();
      cut();
      await closed;
    },
  };
}
