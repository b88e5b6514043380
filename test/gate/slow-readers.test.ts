import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { startGate } from './running-gate.ts';
import { policyDocument } from '../support/policies.ts';
import { startRegistry } from '../support/registry/index.ts';
import { pushImage } from '../support/registry/push.ts';

const LAYER_BYTES = 4 * 1024 * 1024;
const READERS = 60;
/** Bytes for one reader: pieces of 64 KiB that are read, hashed, kept until the next one follows, and written. */
const MAX_HELD = 640 * 1024;

describe('slow readers of the gate', () => {
  it('G25 clients that do not read hold little memory, and no other pull', async () => {
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
      const before = process.memoryUsage().arrayBuffers;
      for (let one = 0; one < READERS; one += 1)
        sockets.push(await openPaused(gate.url, `${path}/blobs/${layers[0]!.digest}`));
      // The registry is read no faster than the clients read. Each reader has its bound, whatever the size of the blob is.
      const held = (await settled(() => process.memoryUsage().arrayBuffers)) - before;
      expect(held / READERS).to.be.below(MAX_HELD);
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

/** A number that grows, once it no longer does. */
async function settled(read: () => number): Promise<number> {
  for (let last = -1; ;) {
    const now = read();
    if (now === last) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
