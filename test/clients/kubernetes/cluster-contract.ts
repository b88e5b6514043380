import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Cluster, KubeObject, WatchEvent, Written } from '../../../src/clients/kubernetes/types.ts';

const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;
const COLLECTION = { resource: CONFIG_MAPS, namespace: 'default' } as const;
const LEASES = {
  resource: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  namespace: 'default',
} as const;
/** Long enough for a busy machine; a passing test does not wait for it. */
const WATCH_WITHIN_MS = 8_000;

function configMap(name: string, data: Readonly<Record<string, string>> = {}, more: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ...more }, data };
}

function address(name: string): {
  readonly resource: typeof CONFIG_MAPS;
  readonly namespace: string;
  readonly name: string;
} {
  return { ...COLLECTION, name };
}

function stored(written: Written): KubeObject {
  if (!written.ok) throw new Error(`${written.reason}: ${written.message}`);
  return written.object;
}

function refusal(written: Written): string {
  return written.ok ? 'none' : `${written.status} ${written.reason}`;
}

/**
 * The contract of every `Cluster`, the twin as well as the adapter: run it with a cluster that starts without ConfigMaps and
 * Leases of these names in the namespace `default`. Names are prefixed with `contract-`.
 */
export function describeCluster(open: () => Promise<Cluster>): void {
  let cluster: Cluster;

  before(async () => {
    cluster = await open();
  });
  after(async () => {
    await cluster.close();
  });

  it('returns undefined for a missing object', async () => {
    expect(await cluster.get(address('contract-none'))).to.equal(undefined);
  });

  it('creates an object with identity and version, and reads it back', async () => {
    const created = stored(await cluster.create(COLLECTION, configMap('contract-a', { key: 'value' })));
    expect(created.metadata.uid).to.be.a('string').that.is.not.empty;
    expect(created.metadata.resourceVersion).to.match(/^\d+$/);
    expect(created.metadata.creationTimestamp).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const read = await cluster.get(address('contract-a'));
    expect(read).to.include({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(read?.data).to.deep.equal({ key: 'value' });
    expect(read?.metadata.resourceVersion).to.equal(created.metadata.resourceVersion);
  });

  it('refuses to create what exists', async () => {
    await cluster.create(COLLECTION, configMap('contract-b'));
    expect(refusal(await cluster.create(COLLECTION, configMap('contract-b')))).to.equal('409 AlreadyExists');
  });

  it('stores nothing on a dry run', async () => {
    stored(await cluster.create(COLLECTION, configMap('contract-dry'), { dryRun: true }));
    expect(await cluster.get(address('contract-dry'))).to.equal(undefined);
  });

  it('replaces an object of the version named and refuses when it has another one', async () => {
    const first = stored(await cluster.create(COLLECTION, configMap('contract-c', { n: '1' })));
    const second = stored(await cluster.replace(address('contract-c'), { ...first, data: { n: '2' } }));
    expect(second.metadata.resourceVersion).to.not.equal(first.metadata.resourceVersion);
    expect(second.metadata.uid).to.equal(first.metadata.uid);
    const late = await cluster.replace(address('contract-c'), { ...first, data: { n: '3' } });
    expect(refusal(late)).to.equal('409 Conflict');
    expect((await cluster.get(address('contract-c')))?.data).to.deep.equal({ n: '2' });
  });

  it('keeps the version when nothing changes', async () => {
    const first = stored(await cluster.create(COLLECTION, configMap('contract-same', { n: '1' })));
    const second = stored(await cluster.replace(address('contract-same'), first));
    expect(second.metadata.resourceVersion).to.equal(first.metadata.resourceVersion);
  });

  it('returns 404 as a value for a write to a missing object', async () => {
    const none = address('contract-none');
    expect(refusal(await cluster.replace(none, configMap('contract-none')))).to.equal('404 NotFound');
    expect(refusal(await cluster.patch(none, { data: { a: 'b' } }))).to.equal('404 NotFound');
  });

  it('applies a merge patch: null removes a field', async () => {
    await cluster.create(COLLECTION, configMap('contract-d', { keep: '1', drop: '2' }));
    const patch = { data: { drop: null, add: '3' } };
    const patched = stored(await cluster.patch(address('contract-d'), patch));
    expect(patched.data).to.deep.equal({ keep: '1', add: '3' });
  });

  it('carries out a JSON patch, and refuses it when its test fails', async () => {
    await cluster.create(COLLECTION, configMap('contract-e', {}, { annotations: { 'example.com/a': '1' } }));
    const patch = (value: string): readonly object[] => [
      { op: 'test', path: '/metadata/annotations/example.com~1a', value },
      { op: 'replace', path: '/metadata/annotations/example.com~1a', value: '2' },
      { op: 'add', path: '/metadata/annotations/c', value: '3' },
    ];
    const { metadata } = stored(await cluster.patch(address('contract-e'), patch('1')));
    expect(metadata.annotations).to.deep.equal({ 'example.com/a': '2', c: '3' });
    expect(refusal(await cluster.patch(address('contract-e'), patch('1')))).to.equal('422 Invalid');
  });

  it('server-side apply creates, owns only its fields, and removes those that it does not send any more', async () => {
    const apply = async (manager: string, data: Readonly<Record<string, string>>): Promise<unknown> =>
      stored(
        await cluster.apply(address('contract-f'), configMap('contract-f', data), { fieldManager: manager }),
      ).data;
    expect(await apply('one', { a: '1', b: '1' })).to.deep.equal({ a: '1', b: '1' });
    expect(await apply('two', { c: '2' })).to.deep.equal({ a: '1', b: '1', c: '2' });
    expect(await apply('one', { a: '3' })).to.deep.equal({ a: '3', c: '2' });
    expect(await apply('two', { a: '4' })).to.deep.equal({ a: '4' });
    expect(await apply('one', { b: '5' })).to.deep.equal({ a: '4', b: '5' });
  });

  it('deletes only an object that matches the precondition, and reports whether it did', async () => {
    const made = stored(await cluster.create(COLLECTION, configMap('contract-g')));
    expect(await cluster.remove(address('contract-g'), { uid: 'another' })).to.equal(false);
    expect(await cluster.remove(address('contract-g'), { uid: made.metadata.uid ?? '' })).to.equal(true);
    expect(await cluster.remove(address('contract-g'))).to.equal(false);
  });

  it('lists by label, page by page, with kind and version on every item', async () => {
    const labels = { contract: 'pages' };
    for (const n of [1, 2, 3, 4, 5])
      await cluster.create(COLLECTION, configMap(`contract-page-${n}`, {}, { labels }));
    const collection = { ...COLLECTION, labelSelector: 'contract=pages' };
    const names: string[] = [];
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await cluster.list(collection, {
        limit: 2,
        ...(token !== undefined && { continue: token }),
      });
      for (const { kind, apiVersion, metadata } of page.items)
        names.push(`${apiVersion} ${kind} ${metadata.name}`);
      token = page.continue;
      pages += 1;
    } while (token !== undefined);
    expect(pages).to.equal(3);
    expect(names).to.deep.equal([1, 2, 3, 4, 5].map((n) => `v1 ConfigMap contract-page-${n}`));
  });

  it('watches what changes after a version, in order, as far as it belongs to the collection', async () => {
    const collection = { ...COLLECTION, labelSelector: 'contract=watch' };
    const labels = { contract: 'watch' };
    const { resourceVersion } = await cluster.list(collection);
    await cluster.create(COLLECTION, configMap('contract-other'));
    await cluster.create(COLLECTION, configMap('contract-w', { n: '1' }, { labels }));
    const seen: string[] = [];
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), WATCH_WITHIN_MS);
    for await (const event of cluster.watch(collection, resourceVersion, stop.signal)) {
      seen.push(textOf(event));
      const { length } = seen.filter((text) => text !== 'bookmark');
      if (length === 1) await cluster.patch(address('contract-w'), { data: { n: '2' } });
      if (length === 2) await cluster.remove(address('contract-w'));
      if (length === 3) break;
    }
    clearTimeout(timer);
    expect(seen.filter((text) => text !== 'bookmark')).to.deep.equal([
      'added contract-w 1',
      'modified contract-w 2',
      'deleted contract-w 2',
    ]);
  });

  it('ends a watch without an error when its signal aborts', async () => {
    const { resourceVersion } = await cluster.list(COLLECTION);
    const stop = new AbortController();
    const ended = (async () => {
      for await (const event of cluster.watch(COLLECTION, resourceVersion, stop.signal)) textOf(event);
      return 'quietly';
    })();
    await sleep(50);
    stop.abort();
    expect(await ended).to.equal('quietly');
  });

  it('guards a Lease by its version and never replaces one without', async () => {
    const spec = {
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      renewTime: '2030-01-02T03:04:05.000006Z',
    };
    const metadata = { name: 'contract-lease', namespace: 'default' };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    const made = stored(await cluster.create(LEASES, lease));
    expect(made.spec).to.deep.include(spec);
    const at = { ...LEASES, name: 'contract-lease' };
    expect(refusal(await cluster.replace(at, lease))).to.equal('422 Invalid');
    const released = { ...made, spec: { ...spec, holderIdentity: '' } };
    stored(await cluster.replace(at, released));
    expect(refusal(await cluster.replace(at, released))).to.equal('409 Conflict');
  });
}

function textOf(event: WatchEvent): string {
  if (event.type === 'bookmark' || event.type === 'expired') return event.type;
  const { n } = event.object.data as { n?: string };
  return `${event.type} ${event.object.metadata.name} ${n ?? ''}`;
}
