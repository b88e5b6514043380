import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { RegistryRequest } from '../../../support/registry/index.ts';
import { client, closeClients, patient } from '../client.ts';
import {
  closeRegistries,
  openRegistries,
  openRegistry,
  putting,
  reading,
  transferOf,
} from '../two-registries.ts';

const PIECE = Buffer.alloc(256 * 1024, 'layer');
const PIECES = 768;
const SIZE = PIECE.byteLength * PIECES;
/**
 * What may be in flight at a time, half of the blob: the buffers of a system for two connections may be that large. The
 * memory of the process is no good measure, because it depends on garbage collection.
 */
const MAX_BYTES_AHEAD = 96 * 1024 * 1024;

async function* layer(count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < PIECES; n += 1) {
    await Promise.resolve();
    count(PIECE.byteLength);
    yield PIECE;
  }
}

describe('a large blob', () => {
  afterEach(async () => {
    await closeClients();
    await closeRegistries();
  });

  it('is streamed without being kept in memory, and no faster than the target accepts it', async () => {
    const [source, target] = [await openRegistry(), await openRegistry()];
    const hash = createHash('sha256');
    for (let n = 0; n < PIECES; n += 1) hash.update(PIECE);
    const digest = `sha256:${hash.digest('hex')}` as const;
    const blob = { mediaType: 'a/b', digest, size: SIZE, annotations: {} };
    let [given, taken, ahead] = [0, 0, 0];
    const headers = { 'content-length': String(SIZE) };
    const count = (bytes: number): void => {
      given += bytes;
      ahead = Math.max(ahead, given - taken);
    };
    source.intercept((request) =>
      reading(request) ? { status: 200, headers, body: layer(count) } : undefined,
    );
    target.intercept(async (request: RegistryRequest) => {
      if (!putting(request)) return undefined;
      for await (const piece of request.pieces) taken += piece.byteLength;
      return { status: 201 };
    });
    expect(await client().transferBlob(transferOf({ source, target, blob }), patient())).to.equal('copied');
    expect(taken).to.equal(SIZE);
    expect(ahead).to.be.lessThan(MAX_BYTES_AHEAD);
  });

  it('has its buffers collected every 4 MiB, as young objects, where Node.js lets itself be asked', async () => {
    const { gc } = globalThis;
    const kinds: unknown[] = [];
    globalThis.gc = ((how: unknown) => void kinds.push(how)) as typeof gc;
    try {
      const at = await openRegistries({ size: 17 * 1024 * 1024 });
      expect(await client().transferBlob(transferOf(at), patient())).to.equal('copied');
    } finally {
      globalThis.gc = gc;
    }
    // All blobs are counted together: earlier ones may have left almost 4 MiB.
    expect(kinds.length).to.be.within(4, 5);
    expect(kinds).to.deep.equal(kinds.map(() => ({ type: 'minor' })));
  });
});
