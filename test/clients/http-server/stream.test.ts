import { expect } from 'chai';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { startServer } from '../../../src/clients/http-server/index.ts';

const PIECE = Buffer.alloc(64 * 1024);
/** More than sockets hold on the way. */
const PIECES = 400;

describe('A server that writes a long answer', () => {
  it('G63 cuts off a client that takes nothing, and ends what it reads for it; one that reads gets the whole', async () => {
    const cuts: unknown[] = [];
    let open = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      open += 1;
      try {
        for (let one = 0; one < PIECES; one += 1) yield PIECE;
      } finally {
        open -= 1;
      }
    }
    const { port, close } = await startServer({
      ...{ host: '127.0.0.1', port: 0, routes: [] },
      streaming: {
        answer: () => Promise.resolve({ status: 200, headers: {}, body: body() }),
        onCut: (error) => cuts.push(error),
        stalledMs: 200,
      },
      onError: (error) => {
        throw error;
      },
    });
    const ask = async (): Promise<IncomingMessage> => {
      const [answer] = (await once(get({ port, agent: false }), 'response')) as [IncomingMessage];
      return answer;
    };
    const paused = await ask();
    // On a busy machine it is cut off before the other one has read all.
    const failed = once(paused, 'error');
    const reading = await ask();
    let bytes = 0;
    for await (const piece of reading) bytes += (piece as Uint8Array).byteLength;
    expect(bytes).to.equal(PIECES * PIECE.byteLength);
    while (open > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(String(cuts)).to.equal('Error: the client took nothing for 0.2 s');
    paused.resume();
    await failed;
    await close();
  });
});
