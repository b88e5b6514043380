import { expect } from 'chai';
import fc from 'fast-check';
import { linesOf } from '../../../src/clients/kubernetes/rest/watch.ts';

async function* cutAt(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size: number, maxBytes = 1_000): Promise<string[]> {
  const limits = { maxBytes, tooLong: () => new Error('too long'), cut: () => new Error('cut') };
  const lines: string[] = [];
  for await (const line of linesOf(cutAt(Buffer.from(text), size), limits)) lines.push(line);
  return lines;
}

const failure = (reading: Promise<unknown>): Promise<unknown> =>
  reading.then(
    () => 'none',
    (error: unknown) => (error as Error).message,
  );

describe('lines of a stream', () => {
  it('are the same however the stream is cut', async () => {
    const lines = fc.array(fc.string({ minLength: 1, unit: 'grapheme' }).map((text) => JSON.stringify(text)));
    await fc.assert(
      fc.asyncProperty(lines, fc.integer({ min: 1, max: 9 }), async (given, size) => {
        expect(await read(given.map((line) => `${line}\n`).join(''), size, 100_000)).to.deep.equal(given);
      }),
    );
  });

  for (const size of [1, 2, 3, 100]) {
    it(`leave out empty ones, in pieces of ${size}`, async () => {
      expect(await read('é\r\n\n\n日本\n', size)).to.deep.equal(['é', '日本']);
    });
    it(`fail when one is too long or cut, in pieces of ${size}`, async () => {
      expect(await read('12345\n', size, 5)).to.deep.equal(['12345']);
      expect(await failure(read('123456\n', size, 5))).to.equal('too long');
      expect(await failure(read('123456', size, 5))).to.equal('too long');
      expect(await failure(read('1\n2', size, 5))).to.equal('cut');
    });
  }
});
