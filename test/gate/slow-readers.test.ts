import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { memoryInUse } from '../controllers/audit/heap.ts';
import { startGate } from './running-gate.ts';
import { policyDocument } from '../support/policies.ts';
import { startRegistry, type Intercept } from '../support/registry/index.ts';
import { pushImage } from '../support/registry/push.ts';

const LAYER_BYTES = 4 * 1024 * 1024;
const READERS = 200;
/** Bytes for all of them: what is read ahead of each and what is being written to it. */
const MAX_HELD = 64 * 1024 * 1024;

describe('slow readers of the gate', () => {
  it('G25 clients that do not read hold little memory, and no other pull', async function () {
    this.timeout(120_000); // some hundred megabytes pass through buffers of the system first
    const registry = await startRegistry();
    const policy = policyDocument({ require: { quarantine: {} } });
    const gate = await startGate({ upstreams: [{ match: ['**'] }] }, [policy]);
    const sockets: Socket[] = [];
    try {
      const target = { registry: registry.host, repository: 'shop/web', tag: '1.0' };
      const image = await pushImage(target, { layers: ['x'.repeat(LAYER_BYTES)] });
      const { layers } = image.body as { layers: { digest: string }[] };
      const path = `/v2/${registry.host}/shop/web`;
      expect((await fetch(`${gate.url}${path}/manifests/1.0`)).status).to.equal(200);
      registry.intercept(sendPieces(layers[0]!.digest));
      const before = memoryInUse().arrayBuffers;
      const blob = `${path}/blobs/${layers[0]!.digest}`;
      await Promise.all(
        Array.from({ length: READERS }, async () => sockets.push(await openPaused(gate.url, blob))),
      );
      // The registry is read no faster than the clients read. Each reader has its bound, whatever the size of the blob is.
      const held = (await settled(() => memoryInUse().arrayBuffers)) - before;
      expect(held).to.be.below(MAX_HELD);
      expect((await fetch(`${gate.url}${path}/manifests/1.0`)).status).to.equal(200);
      const whole = await fetch(`${gate.url}${path}/blobs/${layers[0]!.digest}`);
      expect((await whole.arrayBuffer()).byteLength).to.equal(LAYER_BYTES);
    } finally {
      for (const socket of sockets) socket.destroy();
      await gate.close();
      await registry.close();
    }
  });
});

/** Sends the layer in pieces that are one buffer, so that what is held is the gate's. */
function sendPieces(digest: string): Intercept {
  const piece = Buffer.alloc(64 * 1024, 'x');
  const send = (socket: Socket, left: number): void => {
    if (left === 0) socket.end();
    else if (socket.write(piece)) send(socket, left - piece.byteLength);
    else socket.once('drain', () => send(socket, left - piece.byteLength));
  };
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${String(LAYER_BYTES)}\r\nconnection: close\r\n\r\n`;
  return ({ method, url }) =>
    method === 'GET' && url.pathname.endsWith(digest)
      ? {
          raw: (socket) => {
            socket.on('error', () => undefined).write(head);
            send(socket, LAYER_BYTES);
          },
        }
      : undefined;
}

/** Asks for a path, and reads the first piece only. */
function openPaused(url: string, path: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.once('error', reject);
    socket.once('data', () => {
      socket.pause();
      resolve(socket);
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  });
}

/** A number that grows and falls, once it does neither. */
async function settled(read: () => number): Promise<number> {
  for (let last = -1; ;) {
    const now = read();
    if (Math.abs(now - last) <= now / 100) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
