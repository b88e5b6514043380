import { expect } from 'chai';
import type { Cluster } from '../../../src/clients/kubernetes/types.ts';
import { startApiServer, type ApiServer } from '../../support/api-server/index.ts';
import { refusal } from '../../support/api-server/http.ts';
import { ACME, configMap, eventually, faultOf, open } from './open.ts';

describe('a watch', () => {
  let server: ApiServer;
  let cluster: Cluster;
  before(async () => {
    server = await startApiServer();
    cluster = await open(server.url, { requestTimeoutMs: 30_000 });
  });
  afterEach(() => server.intercept(undefined));
  after(async () => {
    await cluster.close();
    await server.close();
  });

  async function events(text: readonly string[], signal = new AbortController().signal): Promise<unknown[]> {
    const seen: unknown[] = [];
    server.intercept(() => ({ status: 200, body: text.join('') }));
    for await (const event of cluster.watch(ACME, '5', signal)) seen.push(event);
    return seen;
  }
  const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;

  it('requests bookmarks and a timeout', async () => {
    await events([]);
    const { searchParams } = server.requests.at(-1)!.url;
    expect(searchParams.get('allowWatchBookmarks')).to.equal('true');
    expect(searchParams.get('resourceVersion')).to.equal('5');
    expect(Number(searchParams.get('timeoutSeconds'))).to.be.within(232, 290);
  });

  it('reports a version that is too old, by status and in the stream', async () => {
    expect(await events([line('ERROR', { code: 410 }), line('ADDED', configMap('late'))])).to.deep.equal([
      { type: 'expired' },
    ]);
    server.intercept(() => refusal(410, 'Gone'));
    for await (const event of cluster.watch(ACME, '5', new AbortController().signal))
      expect(event.type).to.equal('expired');
  });

  for (const [what, text] of [
    ['an error', line('ERROR', { code: 500 })],
    ['a broken line', 'no json\n'],
    ['a line that has no end', '{"type":"ADDED"'],
    ['an unknown type', line('EXPLODED', configMap('web'))],
    ['an object that is none', line('ADDED', {})],
    ['a bookmark without a version', line('BOOKMARK', { apiVersion: 'v1', kind: 'Pod', metadata: {} })],
  ] as const) {
    it(`throws at ${what}`, async () => {
      await faultOf(events([text]), 'ClusterUnavailable');
    });
  }

  it('throws at a line that is too long', async () => {
    await faultOf(events(['x'.repeat(9 * 1024 * 1024)]), 'LimitExceeded');
  });

  it('throws when it is forbidden', async () => {
    server.intercept(() => refusal(403, 'Forbidden'));
    const watch = async () => {
      for await (const { type } of cluster.watch(ACME, '5', new AbortController().signal))
        throw new Error(type);
    };
    await faultOf(watch(), 'ClusterDenied');
  });

  it('throws when the response head does not arrive, and waits for the body', async () => {
    const hasty = await open(server.url, { requestTimeoutMs: 1_000 });
    const ending = new AbortController();
    const { resourceVersion } = await cluster.list(ACME);
    const watch = async () => {
      for await (const { type } of hasty.watch(ACME, resourceVersion, ending.signal)) throw new Error(type);
    };
    server.intercept(() => 'silence');
    await faultOf(watch(), 'ClusterUnavailable');
    server.intercept(undefined);
    const opened = server.twin.watchCount();
    const body = watch();
    await eventually('the watch', () => server.twin.watchCount() > opened);
    setTimeout(() => ending.abort(), 1_300); // after the deadline of the head
    await body;
    await hasty.close();
  });

  it('ends without an error when its signal aborts, also before the start', async () => {
    for await (const event of cluster.watch(ACME, '5', AbortSignal.abort())) expect(event).to.equal('none');
  });
});
