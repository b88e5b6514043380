import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { startServer, type Server, type Tls } from '../../../src/clients/http-server/index.ts';
import { errorCode } from '../../../src/core/model/index.ts';
import { createAuthority } from '../../support/certificates.ts';

/** Callers at a time, each on a connection that is kept alive. */
const CALLERS = 16;
/** Milliseconds per answer: most requests are open when the server closes. */
const WORK_MS = 3;
/** As in serve.ts: how long idle connections stay open, and the time between two looks at them. */
const LINGER_MS = 1_000;
const LOOK_MS = 50;
/** Number of repetitions: a lost request is the result of a race. */
const TIMES = 8;

describe('A server that closes under load', () => {
  let ca: string;
  let tls: Tls;
  let working: Promise<undefined>;
  let begun: () => void;
  beforeEach(() => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    working = promise;
    begun = () => resolve(undefined);
  });
  before(async () => {
    const authority = await createAuthority('drain');
    ca = authority.cert;
    tls = await authority.issue({ commonName: 'localhost', ips: ['127.0.0.1'], usage: 'server' });
  });

  const start = (encrypted: boolean): Promise<Server> =>
    startServer({
      host: '127.0.0.1',
      port: 0,
      ...(encrypted && { tls }),
      routes: [
        {
          method: 'post',
          path: '/work',
          maxBodyBytes: 1_000,
          handle: async ({ body }) => {
            begun();
            await sleep(WORK_MS);
            return { status: 200, contentType: 'text/plain', body: Buffer.from(body).toString() };
          },
        },
      ],
      onError: (error) => {
        throw error;
      },
    });

  /** Sends requests until no connection can be opened any more; returns failures after a request was sent. */
  async function callUntilRefused(pool: Pool, count: () => void): Promise<readonly unknown[]> {
    const refusals = new Set<unknown>();
    pool.on('connectionError', (_origin, _targets, error) => refusals.add(error));
    for (;;) {
      try {
        const answer = await pool.request({ method: 'POST', path: '/work', body: 'x' });
        await answer.body.text();
        count();
      } catch (error) {
        return refusals.has(error) ? [] : [error];
      }
    }
  }

  for (const encrypted of [true, false]) {
    it(`answers every request that was sent, over ${encrypted ? 'https' : 'http'}`, async function () {
      this.timeout(60_000);
      const lost: unknown[] = [];
      for (let time = 0; time < TIMES; time++) {
        const server = await start(encrypted);
        const origin = `${encrypted ? 'https' : 'http'}://127.0.0.1:${String(server.port)}`;
        const pools = Array.from(
          { length: CALLERS },
          () => new Pool(origin, { connections: 1, pipelining: 1, connect: { ca } }),
        );
        let answered = 0;
        const callers = pools.map((pool) => callUntilRefused(pool, () => (answered += 1)));
        while (answered < 5 * CALLERS) await sleep(1);
        await server.close();
        lost.push(...(await Promise.all(callers)).flat());
        await Promise.all(pools.map((pool) => pool.destroy()));
      }
      expect(lost).to.deep.equal([]);
    });
  }

  it('closes the connection of a caller that waits for its answer, after that answer', async () => {
    const server = await start(false);
    const asked = fetch(`http://127.0.0.1:${String(server.port)}/work`, { method: 'POST', body: 'x' });
    await working;
    const [answer] = await Promise.all([asked, server.close()]);
    expect(answer.headers.get('connection')).to.equal('close');
    expect(await answer.text()).to.equal('x');
  });

  it('answers one more request over an open connection, and only then closes it', async () => {
    const server = await start(false);
    const pool = new Pool(`http://127.0.0.1:${String(server.port)}`, { connections: 1 });
    const ask = () => pool.request({ method: 'POST', path: '/work', body: 'x' });
    await (await ask()).body.text();
    const closed = server.close();
    const answer = await ask();
    expect(answer.headers.connection).to.equal('close');
    await answer.body.text();
    await closed;
    await pool.destroy();
  });

  it('ends connections with their answers while it still takes new ones, for callers that know of no other server yet', async () => {
    const server = await start(false);
    const pool = new Pool(`http://127.0.0.1:${String(server.port)}`, { connections: 1 });
    const ask = async () => {
      const { statusCode, headers, body } = await pool.request({ method: 'POST', path: '/work', body: 'x' });
      await body.text();
      return `${String(statusCode)} ${String(headers.connection)}`;
    };
    expect(await ask()).to.equal('200 keep-alive');
    const closed = server.close(LINGER_MS);
    expect([await ask(), await ask()]).to.deep.equal(['200 close', '200 close']);
    await closed;
    expect(errorCode(await ask().catch((error: unknown) => error))).to.equal('ECONNREFUSED');
    await pool.destroy();
  });

  it('answers a request that arrived while the process had no processor, right before idle connections are closed', async () => {
    const server = await start(false);
    const socket = connect(server.port, '127.0.0.1');
    const request = 'POST /work HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx';
    socket.write(request);
    await once(socket, 'data');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    const closed = server.close();
    // Right after the timer of the server that takes as long, and until the next look is due. It is then due before sockets are read.
    setTimeout(() => {
      setImmediate(() => {
        socket.write(request);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4 * LOOK_MS);
      });
    }, LINGER_MS);
    await Promise.all([closed, once(socket, 'close')]);
    expect(answer).to.match(/^HTTP\/1.1 200/);
  });
});
