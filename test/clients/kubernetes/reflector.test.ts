import { expect } from 'chai';
import { watchCollection } from '../../../src/clients/kubernetes/index.ts';
import { Fault } from '../../../src/core/model/index.ts';
import { isList, isWatch, refusal } from '../../support/api-server/http.ts';
import { ACME, CONFIG_MAPS, configMap, eventually } from './open.ts';
import { useReflector, type Data } from './reflected.ts';

describe('a collection in memory', () => {
  const on = useReflector();

  it('is read page by page and reported before it counts as read', async () => {
    for (let n = 0; n < 25; n += 1) on.put(`map-${n}`, String(n));
    const { hasSynced, size, values } = await on.start({ pageSize: 10 });
    expect(on.lists()).to.equal(3);
    expect([hasSynced(), size(), [...values()].length, on.changes.length]).to.deep.equal([true, 25, 25, 25]);
    expect(on.value('map-7')).to.equal('7');
    expect(on.reflector?.get('map-7')).to.equal(undefined);
  });

  it('follows what is added, changed and removed', async () => {
    await on.start();
    on.put('web', '1');
    await on.has('web', '1');
    on.put('web', '2');
    await on.has('web', '2');
    await on.remove('web');
    await on.has('web', undefined);
    const place = { name: 'web', namespace: 'acme' };
    expect(on.changes).to.deep.equal([
      { type: 'set', ...place, value: { value: '1' }, previous: undefined },
      { type: 'set', ...place, value: { value: '2' }, previous: { value: '1' } },
      { type: 'removed', ...place, previous: { value: '2' } },
    ]);
    expect([on.lists(), on.watches(), on.troubles.length]).to.deep.equal([1, 1, 0]);
  });

  it('watches on from a bookmark', async () => {
    const { confirmedMsAgo: seenMsAgo } = await on.start();
    on.server.twin.put({ ...CONFIG_MAPS, plural: 'secrets' }, configMap('other'));
    await eventually('silence', () => seenMsAgo() > 30);
    on.server.twin.bookmark();
    await eventually('the bookmark', () => seenMsAgo() < 30);
    on.server.twin.endWatches();
    await eventually('the next watch', () => on.watches() === 2);
    const [first, second] = on.server.requests
      .filter(isWatch)
      .map(({ url }) => Number(url.searchParams.get('resourceVersion')));
    expect(second).to.be.greaterThan(first!);
    expect(on.lists()).to.equal(1);
  });

  describe('never goes back', () => {
    const line = (type: string, resourceVersion: string, data: Data): string =>
      `${JSON.stringify({ type, object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web', namespace: 'acme', resourceVersion }, data } })}\n`;

    it('to an older object of a watch', async () => {
      for (let n = 0; n < 9; n += 1) on.put('web', String(n));
      await on.start();
      on.server.writeToWatches(
        line('MODIFIED', '2', { value: 'old' }) + line('DELETED', '3', { value: 'old' }),
      );
      on.put('other', '1');
      await on.has('other', '1');
      expect(on.value('web')).to.equal('8');
    });

    it('to an older list, until it is clear that the past was restored', async () => {
      on.put('web', '1');
      on.put('web', '2');
      await on.start();
      on.changes = [];
      const items = [
        { metadata: { name: 'web', namespace: 'acme', resourceVersion: '1' }, data: { value: 'restored' } },
      ];
      const old = {
        status: 200,
        body: { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items },
      };
      on.server.intercept((request) =>
        isList(request) ? old : isWatch(request) ? refusal(410, 'Gone') : undefined,
      );
      on.server.twin.endWatches();
      await on.has('web', 'restored');
      expect(on.changes).to.have.length(1);
      expect(on.lists()).to.be.within(5, 6);
      expect(on.troubles).to.have.length(3);
    });
  });

  it('waits longer and longer, and not all at once, for a server that does not recover', async () => {
    on.server.intercept(() => refusal(500, 'No'));
    const backoff = { baseMs: 20, maxMs: 80 };
    on.reflector = watchCollection<Data>({
      cluster: on.cluster,
      collection: ACME,
      select: () => ({}),
      backoff,
      random: () => 1,
    });
    const began = performance.now();
    await eventually('six lists', () => on.lists() >= 6);
    expect(performance.now() - began).to.be.at.least(20 + 40 + 80 + 80 + 80 - 10);
  });

  it('reports how long nothing was received', async () => {
    const { confirmedMsAgo: seenMsAgo } = await on.start();
    await eventually('silence', () => seenMsAgo() > 500);
    on.server.twin.bookmark();
    await eventually('a word', () => seenMsAgo() < 500);
  });

  it('reports nothing after close, and is not readable', async () => {
    on.server.intercept((request) => (isList(request) ? 'silence' : undefined));
    const early = watchCollection<Data>({ cluster: on.cluster, collection: ACME, select: () => ({}) });
    await eventually('the list', () => on.lists() === 1);
    await early.close();
    expect(
      await early.synced.then(
        () => 'read',
        (error: unknown) => error,
      ),
    ).to.be.instanceOf(Fault);
    expect(early.hasSynced()).to.equal(false);
    on.server.intercept(undefined);
    const { close } = await on.start();
    await close();
    on.put('web', '1');
    expect(on.changes).to.be.empty;
    await eventually('no watch is left', () => on.server.twin.watchCount() === 0);
  });
});
