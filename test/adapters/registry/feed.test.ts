import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { all, answer, firstTimes } from '../../support/registry/misbehave.ts';
import { closeClients, faultOf } from './client.ts';
import { closeDocks, docks, log, type Dock, SIZE, reading, bring, expectThere } from './dock.ts';

afterEach(async () => {
  await closeClients();
  await closeDocks();
});

describe('sources that break off', () => {
  const half = (at: Dock): AsyncIterable<Uint8Array> =>
    (async function* () {
      yield at.bytes.subarray(0, SIZE / 2);
      await sleep(20);
      throw new Error('broken');
    })();

  it('are asked for the rest', async () => {
    const at = await docks({ size: SIZE });
    const headers = { 'content-length': String(SIZE) };
    at.source.intercept(firstTimes(1, reading, () => ({ status: 200, headers, body: half(at) })));
    let sum = 0;
    expect(await bring(at, { onBytes: (count) => (sum += count) })).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 200', 'GET blobs 206']);
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
    expect(sum).to.equal(SIZE);
    await expectThere(at);
  });

  it('are read past what is known where they send all of it again', async () => {
    const at = await docks({ size: SIZE });
    const headers = { 'content-length': String(SIZE) };
    at.source.intercept(
      all(
        firstTimes(1, reading, () => ({ status: 200, headers, body: half(at) })),
        (request) => (reading(request) ? { status: 200, body: at.bytes } : undefined),
      ),
    );
    expect(await bring(at)).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 200', 'GET blobs 200']);
    await expectThere(at);
  });

  it('are a fault when they send another part than was asked for', async () => {
    const at = await docks({ size: SIZE });
    const headers = { 'content-length': String(SIZE) };
    at.source.intercept(
      all(
        firstTimes(1, reading, () => ({ status: 200, headers, body: half(at) })),
        answer(reading, {
          status: 206,
          headers: { 'content-range': `bytes 1-${String(SIZE - 1)}/${String(SIZE)}` },
        }),
      ),
    );
    expect((await faultOf(bring(at), 'RegistryMisbehaved')).side).to.equal('source');
  });
});
