import { expect } from 'chai';
import { all, answer, firstTimes } from '../../../support/registry/misbehave.ts';
import { faultOf } from '../client.ts';
import {
  closeAfterEach,
  openRegistries,
  log,
  type TwoRegistries,
  SIZE,
  reading,
  bring,
  expectThere,
} from '../two-registries.ts';

describe('sources that end early', () => {
  closeAfterEach();

  /** A source that ends early as soon as half of the blob was sent to the target. */
  function breaking(at: TwoRegistries) {
    const passed = Promise.withResolvers<undefined>();
    const counted = { sum: 0 };
    const body = async function* (): AsyncIterable<Uint8Array> {
      yield at.bytes.subarray(0, SIZE / 2);
      await passed.promise;
      throw new Error('broken');
    };
    const headers = { 'content-length': String(SIZE) };
    return {
      counted,
      once: firstTimes(1, reading, () => ({ status: 200, headers, body: body() })),
      bring: () =>
        bring(at, {
          onBytes: (count) => {
            counted.sum += count;
            if (counted.sum >= SIZE / 2) passed.resolve(undefined);
          },
        }),
    };
  }

  it('receive a request for the rest', async () => {
    const at = await openRegistries({ size: SIZE });
    const source = breaking(at);
    at.source.intercept(source.once);
    expect(await source.bring()).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 200', 'GET blobs 206']);
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
    expect(source.counted.sum).to.equal(SIZE);
    await expectThere(at);
  });

  it('are read after the known part when they send everything again', async () => {
    const at = await openRegistries({ size: SIZE });
    const source = breaking(at);
    at.source.intercept(
      all(source.once, (request) => (reading(request) ? { status: 200, body: at.bytes } : undefined)),
    );
    expect(await source.bring()).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 200', 'GET blobs 200']);
    await expectThere(at);
  });

  it('cause a Fault when they send another part than requested', async () => {
    const at = await openRegistries({ size: SIZE });
    const source = breaking(at);
    at.source.intercept(
      all(
        source.once,
        answer(reading, {
          status: 206,
          headers: { 'content-range': `bytes 1-${String(SIZE - 1)}/${String(SIZE)}` },
        }),
      ),
    );
    expect((await faultOf(source.bring(), 'RegistryMisbehaved')).side).to.equal('source');
  });
});
