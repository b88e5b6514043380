import { expect } from 'chai';
import type { KubeObject } from '../../../src/clients/kubernetes/types.ts';
import { Fault } from '../../../src/core/model/index.ts';
import { firstTimes, isList, isWatch, refusal } from '../../support/api-server/http.ts';
import { eventually } from './open.ts';
import { useReflector, type Data } from './reflected.ts';

describe('a collection in memory survives', () => {
  const on = useReflector();

  it('a watch that the server ends', async () => {
    await on.start();
    on.server.twin.endWatches();
    on.put('web', '1');
    await on.has('web', '1');
    expect([on.lists(), on.troubles.length]).to.deep.equal([1, 0]);
  });

  it('a connection that is cut', async () => {
    await on.start();
    on.server.cutWatches();
    on.put('web', '1');
    await on.has('web', '1');
    expect(on.lists()).to.equal(1);
    expect(on.troubles).to.have.length(1);
  });

  it('a version that is too old: lists again, and reports what was removed meanwhile', async () => {
    on.put('gone', '1');
    on.put('kept', '1');
    await on.start();
    on.changes = [];
    on.server.intercept((request) => (isWatch(request) ? 'hang up' : undefined));
    on.server.cutWatches();
    await on.remove('gone');
    on.put('new', '1');
    on.server.twin.expire();
    on.server.intercept(undefined);
    await on.has('new', '1');
    expect(on.changes.map(({ type, name }) => [type, name])).to.deep.equal([
      ['removed', 'gone'],
      ['set', 'new'],
    ]);
    expect(on.lists()).to.be.greaterThan(1);
  });

  it('410 as a status', async () => {
    await on.start();
    on.server.intercept(firstTimes(1, isWatch, refusal(410, 'Gone')));
    on.server.twin.endWatches();
    await eventually('the next list', () => on.lists() === 2);
    on.put('web', '1');
    await on.has('web', '1');
  });

  for (const status of [401, 403, 404, 429, 500, 503]) {
    it(`${status} to lists and watches`, async () => {
      on.server.intercept(
        firstTimes(3, isList, { ...refusal(status, 'No'), headers: { 'retry-after': '60' } }),
      );
      await on.start();
      on.server.intercept(
        firstTimes(3, isWatch, { ...refusal(status, 'No'), headers: { 'retry-after': '60' } }),
      );
      on.server.twin.endWatches();
      on.put('web', '1');
      await on.has('web', '1');
      expect(on.troubles).to.not.be.empty;
      expect(on.troubles.every((trouble) => trouble instanceof Fault)).to.equal(true);
    });
  }

  it('a restart of the server', async () => {
    on.put('gone', '1');
    await on.start();
    await on.server.stop();
    await on.remove('gone');
    on.put('web', '1');
    await eventually('some troubles', () => on.troubles.length > 2);
    expect(on.reflector?.hasSynced()).to.equal(true);
    expect(on.value('gone')).to.equal('1');
    await on.server.start();
    await on.has('web', '1');
    await on.has('gone', undefined);
  });

  it('silence: cuts the watch and lists again', async () => {
    await on.start({ staleAfterMs: 60 });
    await eventually('the next list', () => on.lists() > 1);
    expect(on.troubles[0]).to.be.instanceOf(Fault).with.property('code', 'ClusterUnavailable');
    on.put('web', '1');
    await on.has('web', '1');
    await eventually('only one watch is left', () => on.server.twin.watchCount() <= 1);
  });

  for (const [what, text] of [
    ['a broken line', 'no json\n'],
    ['an error in the stream', '{"type":"ERROR","object":{"code":500}}\n'],
    ['an object that is none', '{"type":"ADDED","object":{}}\n'],
  ] as const) {
    it(what, async () => {
      await on.start();
      on.server.writeToWatches(text);
      await eventually('the next watch', () => on.watches() > 1);
      on.put('web', '1');
      await on.has('web', '1');
      expect(on.troubles).to.have.length(1);
    });
  }

  it('a list that expires between two pages', async () => {
    for (let n = 0; n < 5; n += 1) on.put(`map-${n}`, '1');
    on.server.intercept(
      firstTimes(1, ({ url }) => url.searchParams.has('continue'), refusal(410, 'Expired')),
    );
    await on.start({ pageSize: 2 });
    expect(on.reflector?.size()).to.equal(5);
  });

  it('pages that are too large: requests smaller ones', async () => {
    for (let n = 0; n < 5; n += 1) on.put(`map-${n}`, '1');
    const huge = { status: 200, body: 'x'.repeat(33 * 1024 * 1024) };
    on.server.intercept((request) =>
      isList(request) && Number(request.url.searchParams.get('limit')) > 2 ? huge : undefined,
    );
    await on.start({ pageSize: 8 });
    expect(on.reflector?.size()).to.equal(5);
    expect(on.troubles).to.be.empty;
  });

  it('M33: large objects of one tenant: pages stay below 2 MiB, and those behind them are as long as before', async () => {
    for (let n = 0; n < 12; n += 1) on.put(`map-${String(n + 10)}`, n < 3 ? 'x'.repeat(1_200_000) : '1');
    const limits: number[] = [];
    on.server.intercept((request) => {
      if (isList(request)) limits.push(Number(request.url.searchParams.get('limit')));
      return undefined;
    });
    await on.start({ pageSize: 8 });
    expect(on.reflector?.size()).to.equal(12);
    expect(on.troubles).to.be.empty;
    // Two of the large ones are too much for a page; the last page is full again.
    expect(limits).to.deep.equal([8, 4, 2, 1, 2, 1, 2, 4, 8]);
  });

  it('a handler that throws, and an error handler that throws too', async () => {
    let reported = 0;
    await on.start({
      onChange: (change) => {
        on.changes.push(change);
        throw new Error('handler');
      },
      onError: () => {
        reported += 1;
        throw new Error('reporter');
      },
    });
    on.put('web', '1');
    on.put('web', '2');
    await on.has('web', '2');
    expect([on.changes.length, reported, on.watches()]).to.deep.equal([2, 2, 1]);
  });

  const select = ({ data }: KubeObject): Data => {
    if ((data as Data).value === 'bad') throw new Error('cannot');
    return data as Data;
  };

  it('an object that cannot be selected: its last state stays, and the other objects are updated', async () => {
    await on.start({ select });
    on.put('web', '1');
    await on.has('web', '1');
    on.put('web', 'bad');
    on.put('other', '1');
    await on.has('other', '1');
    expect(on.value('web')).to.equal('1');
    expect(on.troubles).to.have.length(1);
  });

  it('A12 an object that was deleted while no watch ran: nothing of it stays for one of its name that cannot be selected', async () => {
    on.put('web', '1');
    await on.start({ select });
    on.server.intercept((request) =>
      isWatch(request) || isList(request) ? refusal(410, 'Gone') : undefined,
    );
    on.server.twin.endWatches();
    await eventually('that no watch runs', () => on.troubles.length > 0);
    await on.remove('web');
    on.put('web', 'bad');
    on.server.intercept(undefined);
    await on.has('web', undefined);
    expect(on.changes.at(-1)).to.deep.include({ type: 'removed', name: 'web', previous: { value: '1' } });
  });

  it('A12 another object of a name, the first that a watch reports: it takes nothing from the one before', async () => {
    on.put('web', '1');
    await on.start({ select });
    const metadata = { name: 'web', namespace: 'acme', uid: 'another', resourceVersion: '9'.repeat(12) };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value: 'bad' } };
    on.server.writeToWatches(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
    await on.has('web', undefined);
    expect(on.changes.at(-1)).to.deep.include({ type: 'removed', name: 'web', previous: { value: '1' } });
  });
});
