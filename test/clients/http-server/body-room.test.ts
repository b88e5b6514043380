import { expect } from 'chai';
import { request } from 'undici';
import { startServer, type Server } from '../../../src/clients/http-server/index.ts';
import type { BodyRoom } from '../../../src/clients/http-server/body-room.ts';

const KIB = 1024;

describe('room for large bodies', () => {
  let server: Server;
  let release: () => void;
  let [underway, most] = [0, 0];
  afterEach(() => server.close());

  /** A server whose large requests are answered when `release` is called. */
  const start = async (bodyRoom: BodyRoom): Promise<void> => {
    [underway, most] = [0, 0];
    const { promise, resolve } = Promise.withResolvers<undefined>();
    release = () => resolve(undefined);
    const handle = async ({ body }: { readonly body: Uint8Array | 'too large' }) => {
      if (body.length > 64 * KIB) {
        underway += 1;
        most = Math.max(most, underway);
        await promise;
        underway -= 1;
      }
      return { status: 200, contentType: 'text/plain', body: 'judged' };
    };
    const route = { method: 'post', path: '/validate', maxBodyBytes: 1_024 * KIB, handle } as const;
    server = await startServer({
      host: '127.0.0.1',
      port: 0,
      routes: [route],
      bodyRoom,
      onError: (error) => {
        throw error;
      },
    });
  };
  const post = async (kib: number): Promise<number> => {
    const url = `http://127.0.0.1:${server.port}/validate`;
    const { statusCode, body } = await request(url, { method: 'POST', body: Buffer.alloc(kib * KIB) });
    await body.dump();
    return statusCode;
  };

  it('M14: large bodies wait until there is room, and all are answered', async () => {
    await start({ maxBytes: 300 * KIB });
    const asked = Promise.all(Array.from({ length: 9 }, () => post(100)));
    expect(await post(1)).to.equal(200); // what is small goes on
    expect(underway).to.be.at.most(3);
    release();
    expect(await asked).to.deep.equal(Array(9).fill(200));
    expect(most).to.be.at.most(3);
  });

  it('M14: a large body that finds no room in time is answered with 503', async () => {
    await start({ maxBytes: 100 * KIB, maxWaitMs: 50 });
    const first = post(100);
    expect(await post(100)).to.equal(503);
    release();
    expect(await first).to.equal(200);
    expect(await post(100)).to.equal(200);
  });

  it('M14: a body that is larger than all the room is read alone', async () => {
    await start({ maxBytes: 100 * KIB });
    release();
    expect(await post(500)).to.equal(200);
    expect(most).to.equal(1);
  });
});
