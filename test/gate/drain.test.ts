import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { useGates } from './bench.ts';
import { startGate, type RunningGate } from './running-gate.ts';
import { pushImage } from '../support/registry/push.ts';

/** More than sockets hold on the way. */
const LAYER = 'x'.repeat(24 * 1024 * 1024);

describe('a gate that is asked to stop', () => {
  const bench = useGates();

  const start = (more: object = {}): Promise<RunningGate> =>
    startGate({ upstreams: [{ match: ['**'] }], ...more }, [bench.flags()]);

  /** A download whose first piece has arrived, and which nothing reads on. */
  const open = async (gate: RunningGate): Promise<{ download: IncomingMessage; digest: string }> => {
    const image = await pushImage(bench.place('shop/web', '1.0'), { layers: [LAYER] });
    const { layers } = image.body as { layers: { digest: string }[] };
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    const { digest } = layers[0]!;
    const request = get(`${gate.url}/v2/${bench.registry.host}/shop/web/blobs/${digest}`);
    const [download] = (await once(request, 'response')) as [IncomingMessage];
    await once(download, 'readable');
    return { download, digest };
  };

  it('G61 ends a download that is under way, whole, and takes no new one', async () => {
    const gate = await start();
    const { download, digest } = await open(gate);
    const closing = gate.close();
    let closed = false;
    void closing.then(() => (closed = true));
    const again = get(`${gate.url}/v2/`, { agent: false });
    const [error] = (await once(again, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNREFUSED');
    expect(closed).to.equal(false);
    const hash = createHash('sha256');
    for await (const piece of download) hash.update(piece as Uint8Array);
    expect(`sha256:${hash.digest('hex')}`).to.equal(digest);
    await closing;
  });

  it('G61 cuts one that does not end in time', async () => {
    const gate = await start({ drainMs: 100 });
    const { download } = await open(gate);
    const failed = once(download, 'error');
    await gate.close();
    download.resume();
    expect((await failed)[0]).to.be.instanceOf(Error);
  });
});
