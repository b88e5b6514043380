import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Call } from '../../../../src/clients/registry/call.ts';
import { createFeed } from '../../../../src/clients/registry/transfer/feed.ts';
import { DEFAULT_PROVEN_BYTES } from '../../../../src/clients/registry/transfer/fit.ts';
import { answer } from '../../../support/registry/misbehave.ts';
import type { Reply } from '../../../support/registry/index.ts';
import { faultOf, patient } from '../client.ts';
import {
  bring,
  closeAfterEach,
  describing,
  expectThere,
  log,
  openRegistries,
  reading,
  type TwoRegistries,
} from '../two-registries.ts';

const LARGE = DEFAULT_PROVEN_BYTES + 1;
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Requests by which bytes leave for the target, as they begin. */
function watch({ target }: Pick<TwoRegistries, 'target'>): string[] {
  const begun: string[] = [];
  target.intercept(({ method }) => {
    if (method === 'PUT' || method === 'PATCH') begun.push(method);
    return undefined;
  });
  return begun;
}

describe('what leaves for the target', () => {
  closeAfterEach();

  const forged = (size: number, type: string): Reply => ({
    status: 200,
    headers: { 'content-type': type },
    body: Buffer.alloc(size, 'secret '),
  });
  const chunked = (size: number, type: string): Reply => ({
    ...forged(size, type),
    body: (async function* () {
      yield Buffer.alloc(size, 'secret ');
    })(),
  });

  const REFUSED: readonly (readonly [string, number, Reply])[] = [
    ['of a small blob with other bytes', 100, forged(100, 'application/octet-stream')],
    ['of a small blob of unknown length with other bytes', 100, chunked(100, 'text/plain')],
    ['of a small blob that is longer', 100, chunked(101, LAYER)],
    ['of a large blob with another length', LARGE, forged(LARGE - 1, LAYER)],
    ['of a large blob with the length of a document', LARGE, forged(80, 'application/json')],
    ['of a large blob that is a page', LARGE, forged(LARGE, 'text/html; charset=utf-8')],
    ['of a large blob that is JSON', LARGE, forged(LARGE, 'Application/JSON')],
    ['of a large blob of unknown length that is text', LARGE, chunked(LARGE, 'text/plain')],
  ];
  for (const [what, size, reply] of REFUSED) {
    it(`N10 is nothing ${what}`, async () => {
      const at = await openRegistries({ size });
      at.source.intercept(answer(reading, reply));
      const begun = watch(at);
      const blob = { ...at.blob, mediaType: LAYER };
      const fault = await faultOf(
        bring(at, { blob }, { provenBytes: DEFAULT_PROVEN_BYTES }),
        'RegistryMisbehaved',
      );
      expect(fault.side).to.equal('source');
      expect(begun).to.deep.equal([]);
    });
  }

  it('N10 is nothing of a page that is as long as one chunk that is read again', async () => {
    const at = await openRegistries({ size: LARGE });
    let reads = 0;
    at.source.intercept((request) => {
      if (!reading(request)) return undefined;
      reads += 1;
      if (reads > 1)
        return { ...forged(1_000, LAYER), status: 206, headers: { 'content-range': 'bytes 10-' } };
      const length = { 'content-length': String(LARGE) };
      const body = (async function* () {
        yield at.bytes.subarray(0, 10);
        throw new Error('broken');
      })();
      return { status: 200, headers: length, body };
    });
    const fault = await faultOf(bring(at), 'RegistryMisbehaved');
    expect(fault.detail).to.include('1000 bytes');
  });

  it('N10 is a large document that its descriptor names, and a small blob whatever it is served as', async () => {
    for (const [size, mediaType, type] of [
      [LARGE, 'application/vnd.example.sbom+json', 'application/json'],
      [LARGE, LAYER, 'binary/octet-stream'],
      [100, LAYER, 'text/html'],
      [0, LAYER, 'text/html'],
    ] as const) {
      const at = await openRegistries({ size });
      at.source.intercept(
        answer(reading, { status: 200, headers: { 'content-type': type }, body: at.bytes }),
      );
      const blob = { ...at.blob, mediaType };
      expect(await bring(at, { blob }, { provenBytes: DEFAULT_PROVEN_BYTES })).to.equal('copied');
      await expectThere(at);
    }
  });

  it('N10 is a small blob in chunks, and all of it again, out of one download', async () => {
    const at = await openRegistries({ size: 100_000 });
    at.target.intercept(({ method, headers }) =>
      method === 'PUT' && Number(headers['content-length']) > 0 ? { status: 413 } : undefined,
    );
    expect(await bring(at, {}, { provenBytes: DEFAULT_PROVEN_BYTES })).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 200']);
    expect(log(at.target).filter((line) => /^(?:PUT|PATCH) /.test(line))).to.have.length(5);
    await expectThere(at);
  });

  it('N20 is a small blob that takes twice its size in memory at most, in whatever pieces it comes', async () => {
    const bytes = randomBytes(100_000);
    const around = Buffer.concat([Buffer.alloc(1_000_000), bytes]).subarray(1_000_000);
    const inPieces = (given: Uint8Array, ...lengths: readonly number[]) =>
      async function* (): AsyncGenerator<Uint8Array> {
        for (let [at, n] = [0, 0]; at < given.byteLength; n += 1) {
          const length = lengths[n % lengths.length] ?? 1;
          await Promise.resolve();
          yield given.subarray(at, at + length);
          at += length;
        }
      };
    for (const pieces of [
      inPieces(bytes, 1),
      inPieces(around, 20_000),
      inPieces(around, 1, 20_000, 7),
      inPieces(bytes, 50_000),
    ]) {
      const feed = createFeed({ signal: patient() } as Call, {
        blob: describing(bytes),
        source: { openBlob: () => Promise.resolve(pieces()) },
        from: { registry: 'registry.example.com', repository: 'shop/web' },
        provenBytes: DEFAULT_PROVEN_BYTES,
      });
      const read: Uint8Array[] = [];
      for await (const piece of feed.read(0, bytes.byteLength)) read.push(piece);
      expect(Buffer.concat(read).equals(bytes)).to.equal(true);
      expect(read.length).to.be.at.most(16);
      const buffers = [...new Set(read.map(({ buffer }) => buffer))];
      expect(buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)).to.be.at.most(200_000);
    }
  });
});
