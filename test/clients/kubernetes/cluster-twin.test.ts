import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import type { WatchEvent } from '../../../src/clients/kubernetes/types.ts';
import { clusterFault, createClusterTwin, no } from '../../support/twins/cluster.ts';
import { describeCluster } from './cluster-contract.ts';

const THINGS = { group: 'pratique.dev', version: 'v1alpha1', plural: 'imagepolicies' } as const;
const at = { resource: THINGS, name: 'a' } as const;
const thing = (spec: object, more: object = {}): object => ({
  apiVersion: 'pratique.dev/v1alpha1',
  kind: 'ImagePolicy',
  metadata: { name: 'a' },
  spec,
  ...more,
});

describe('kubernetes: the twin of a cluster', () => {
  describeCluster(async () => createClusterTwin());

  describe('a resource with a status', () => {
    it('counts generations of the spec only and keeps both halves apart', async () => {
      const twin = createClusterTwin();
      const generation = (): unknown => twin.peek(at)?.metadata.generation;
      await twin.create({ resource: THINGS }, thing({ n: 1 }, { status: { ready: false } }));
      expect([generation(), twin.peek(at)?.status]).to.deep.equal([1, undefined]);
      await twin.apply({ ...at, subresource: 'status' }, thing({ n: 9 }, { status: { ready: true } }), {
        fieldManager: 'status',
      });
      expect([generation(), twin.peek(at)?.status, twin.peek(at)?.spec]).to.deep.equal([
        1,
        { ready: true },
        { n: 1 },
      ]);
      await twin.patch(at, { spec: { n: 2 }, status: { ready: false } });
      expect([generation(), twin.peek(at)?.status]).to.deep.equal([2, { ready: true }]);
    });

    it('merges conditions of several managers by type', async () => {
      const twin = createClusterTwin();
      await twin.create({ resource: THINGS }, thing({}));
      const apply = (fieldManager: string, ...types: string[]): Promise<unknown> =>
        twin.apply(
          { ...at, subresource: 'status' },
          thing({}, { status: { conditions: types.map((type) => ({ type, by: fieldManager })) } }),
          { fieldManager },
        );
      await apply('one', 'Ready', 'Stalled');
      await apply('two', 'Audited');
      await apply('one', 'Ready');
      expect(twin.peek(at)?.status).to.deep.equal({
        conditions: [
          { type: 'Audited', by: 'two' },
          { type: 'Ready', by: 'one' },
        ],
      });
    });
  });

  it('keeps an object with finalizers, marked, until they are gone', async () => {
    const twin = createClusterTwin();
    twin.put(THINGS, thing({}, { metadata: { name: 'a', finalizers: ['pratique.dev/x'] } }));
    expect(await twin.remove(at)).to.equal(true);
    expect(twin.peek(at)?.metadata.deletionTimestamp).to.be.a('string');
    await twin.patch(at, { metadata: { finalizers: null } });
    expect(twin.peek(at)).to.equal(undefined);
  });

  it('lets an admission hook refuse, also on a dry run, and passes it the object to store', async () => {
    const twin = createClusterTwin();
    const allow = twin.deny(({ object, dryRun }) =>
      (object.spec as { n?: number }).n === 2
        ? no(403, 'Forbidden', `dry run: ${String(dryRun)}`)
        : undefined,
    );
    await twin.create({ resource: THINGS }, thing({ n: 1 }));
    expect(await twin.patch(at, { spec: { n: 2 } }, { dryRun: true })).to.deep.include({
      ok: false,
      status: 403,
      message: 'dry run: true',
    });
    allow();
    expect(await twin.patch(at, { spec: { n: 2 } })).to.deep.include({ ok: true });
  });

  it('fails as configured and records calls', async () => {
    const twin = createClusterTwin();
    const fault = clusterFault();
    twin.fail({ verb: 'get', resource: 'imagepolicies' }, fault, 1);
    expect(await twin.get(at).catch((error: unknown) => error)).to.equal(fault);
    expect(await twin.get(at)).to.equal(undefined);
    expect(twin.count({ verb: 'get', name: 'a' })).to.equal(2);
  });

  it('expires watches and pages, and sends bookmarks', async () => {
    const twin = createClusterTwin();
    for (const name of ['a', 'b']) twin.put(THINGS, thing({}, { metadata: { name } }));
    const page = await twin.list({ resource: THINGS }, { limit: 1 });
    const watch = twin.watch({ resource: THINGS }, page.resourceVersion, AbortSignal.timeout(50_000));
    const events = watch[Symbol.asyncIterator]();
    const next = async (): Promise<WatchEvent | undefined> => {
      const coming = events.next();
      await setImmediate(); // the watch is open, or waits
      twin.bookmark();
      const result = await coming;
      return result.done === true ? undefined : result.value;
    };
    expect(await next()).to.deep.equal({ type: 'bookmark', resourceVersion: page.resourceVersion });
    twin.expire();
    expect([await next(), await next()]).to.deep.equal([{ type: 'expired' }, undefined]);
    const more = twin.list({ resource: THINGS }, { continue: page.continue ?? '' });
    expect(await more.catch((error: unknown) => error)).to.include({ code: 'ClusterUnavailable' });
  });
});
