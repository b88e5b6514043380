import { expect } from 'chai';
import { createPullSecrets, watchCollection, type Cluster } from '../../../src/clients/kubernetes/index.ts';
import { podSelector } from '../../../src/controllers/audit/running-pods.ts';
import { keepPolicies } from '../../../src/controllers/policies/index.ts';
import { customObject } from '../../../src/controllers/promotions/cluster-store.ts';
import { eventually, faultOf, open } from '../../clients/kubernetes/open.ts';
import { startApiServer, type ApiServer } from '../../support/api-server/index.ts';
import { NO_ROOTS } from '../../support/policies.ts';
import { openJobs } from '../../support/threads.ts';
import { longestWork, LONGEST_DELAY_MS } from './loop-delay.ts';

const PODS = { group: '', version: 'v1', plural: 'pods' };
const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces' };
const PROMOTIONS = { group: 'pratique.dev', version: 'v1alpha1', plural: 'imagepromotions' };
const many = (count: number, one: unknown) => Array.from({ length: count }, () => one);
/** As many keys as an object of 1.3 MB can have. */
const KEYS = Object.fromEntries(Array.from({ length: 130_000 }, (_, n) => [`a${n.toString(36)}`, '']));
const IMAGE = 'registry.example.com/shop/web:1.4';

const named = (kind: string, more: object, name = 'large') => ({
  ...{ apiVersion: kind === 'ImagePromotion' ? 'pratique.dev/v1alpha1' : 'v1', kind },
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '7', ...more },
});
const pod = (spec: object, more: object = {}, name?: string) => ({
  ...named('Pod', more, name),
  spec: { containers: [{ name: 'web', image: IMAGE, ...spec }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'web', imageID: 'x', ready: true }] },
});
const list = (kind: string, items: readonly object[]) =>
  JSON.stringify({ apiVersion: 'v1', kind: `${kind}List`, metadata: { resourceVersion: '7' }, items });

describe('large objects of a cluster', () => {
  const threads = openJobs();
  after(() => threads.close());
  let server: ApiServer;
  let cluster: Cluster;
  const owners: string[] = [];
  beforeEach(async () => {
    owners.splice(0);
    server = await startApiServer();
    cluster = await open(server.url, {
      requestTimeoutMs: 30_000,
      parseElsewhere: (json, weight) => {
        owners.push(weight.owner);
        return threads.run('answer', json, weight);
      },
    });
  });
  afterEach(async () => {
    await cluster.close();
    await server.close();
  });
  /** Answers everything but watches with this. */
  const serve = (body: string) => {
    server.intercept(({ url }) => (url.searchParams.has('watch') ? undefined : { status: 200, body }));
  };
  const getPod = () => cluster.get({ resource: PODS, namespace: 'shop', name: 'large' });

  for (const [what, object] of Object.entries({
    environment: pod({ env: many(100_000, { name: 'A' }) }),
    arguments: pod({ args: many(400_000, '') }),
    labels: pod({}, { labels: KEYS }),
    'managed fields': pod({}, { managedFields: [{ manager: 'x', fieldsV1: { 'f:metadata': KEYS } }] }),
  }))
    it(`M35: a pod of very many ${what} keeps its images, and the main thread is not kept`, async () => {
      serve(JSON.stringify(object));
      const kept = await getPod();
      expect(kept?.metadata).to.deep.include({ name: 'large', uid: 'uid-large', resourceVersion: '7' });
      const runs = (kept && podSelector()(kept))?.runs.containers;
      expect(runs).to.deep.equal([{ container: 'web', role: 'container', image: IMAGE, imageID: 'x' }]);
      expect(owners).to.deep.equal(['shop']);
      expect(await longestWork(getPod)).to.be.below(LONGEST_DELAY_MS);
    });

  it('M35: a page of such pods is read in shorter ones, and all of them are kept', async () => {
    const pods = Array.from({ length: 8 }, (_, n) =>
      pod({ env: many(30_000, { name: 'A' }) }, {}, `pod-${String(n)}`),
    );
    serve(list('Pod', pods));
    const reflector = watchCollection({
      ...{ cluster, collection: { resource: PODS }, select: podSelector() },
      backoff: { baseMs: 5, maxMs: 40 },
    });
    const delay = await longestWork(() => reflector.synced);
    expect([...reflector.values()].map((one) => one?.runs.containers[0]?.image)).to.deep.equal(
      many(8, IMAGE),
    );
    expect(delay).to.be.below(LONGEST_DELAY_MS);
    await reflector.close();
  });

  it('M35: an event about such an object is read elsewhere, and those after it stay in their order', async () => {
    const seen: string[] = [];
    const reflector = watchCollection({
      ...{ cluster, collection: { resource: PODS }, select: podSelector() },
      onChange: ({ type, name }) => seen.push(`${type} ${name}`),
    });
    await reflector.synced;
    await eventually('the watch', () => server.twin.watchCount() > 0);
    const events = [
      { type: 'ADDED', object: pod({ env: many(100_000, { name: 'A' }) }) },
      { type: 'ADDED', object: pod({}, {}, 'small') },
      { type: 'DELETED', object: pod({}, { labels: KEYS }) },
    ];
    server.writeToWatches(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    await eventually('the events', () => seen.length === 3);
    expect(seen).to.deep.equal(['set large', 'set small', 'removed large']);
    await reflector.close();
  });

  it('M35: a Secret, a ServiceAccount and a login of very many keys are unreadable, and the main thread is not kept', async () => {
    const config = Buffer.from(JSON.stringify({ auths: KEYS })).toString('base64');
    const type = 'kubernetes.io/dockerconfigjson';
    const objects = {
      keys: { ...named('Secret', {}), type, data: KEYS },
      logins: { ...named('Secret', {}), type, data: { '.dockerconfigjson': config } },

      secrets: { ...named('ServiceAccount', {}), imagePullSecrets: many(60_000, { name: 'a' }) },
    };
    for (const [what, object] of Object.entries(objects)) {
      serve(JSON.stringify(object));
      const read = async () => {
        const secrets = createPullSecrets({ cluster, clock: () => new Date(), rememberMs: 0 });
        return secrets.read(
          { namespace: 'shop', names: many(3, '').map((_, n) => `s${String(n)}`), serviceAccount: '' },
          AbortSignal.timeout(50_000),
        );
      };
      const { configs, unreadable } = await read();
      expect([configs.length, unreadable.length > 0], what).to.deep.equal([0, true]);
      expect(await longestWork(read), what).to.be.below(LONGEST_DELAY_MS);
    }
  });

  it('M35: a promotion of very many labels stays as it was known, and is removed when it is', async () => {
    const spec = { source: { repository: 'registry.example.com/team/app' } };
    server.twin.put(PROMOTIONS, { ...named('ImagePromotion', {}), spec });
    const troubles: unknown[] = [];
    const reflector = watchCollection({
      ...{ cluster, collection: { resource: PROMOTIONS }, select: customObject },
      onError: (error) => troubles.push(error),
    });
    await reflector.synced;
    server.twin.put(PROMOTIONS, { ...named('ImagePromotion', { labels: KEYS }), spec: { other: true } });
    await eventually('the report', () => troubles.length > 0);
    expect(troubles[0]).to.include({ code: 'LimitExceeded' });
    expect(reflector.get('large', 'shop')?.spec).to.deep.equal(spec);
    await server.twin.remove({ resource: PROMOTIONS, namespace: 'shop', name: 'large' });
    await eventually('the removal', () => reflector.size() === 0);
    await reflector.close();
  });

  it('M35: the labels of a namespace that has very many are unknown, never none', async () => {
    server.twin.put(NAMESPACES, {
      ...named('Namespace', { labels: KEYS }),
      metadata: { name: 'large', labels: KEYS },
    });
    const nothing = () => undefined;
    const policies = keepPolicies({
      ...{ cluster, watchCollection, namespace: 'pratique', clock: () => new Date() },
      roots: NO_ROOTS,
      ...{ onPolicies: nothing, onSecret: nothing, onNamespace: nothing, onError: nothing, report: nothing },
    });
    await policies.caches.synced;
    const labels = await policies.namespaceLabels('large', AbortSignal.timeout(50_000));
    expect(labels).to.have.nested.property('reason.code', 'NamespaceUnknown');
    await policies.close();
  });

  it('M35: a pod of too many containers is one that cannot be read, never one without images', async () => {
    serve(JSON.stringify({ ...pod({}), spec: { containers: many(30_000, {}) } }));
    const fault = await faultOf(getPod(), 'LimitExceeded');
    expect(fault.transient).to.equal(false);
    serve(list('Pod', [{ ...pod({}), spec: { containers: many(30_000, {}) } }]));
    const { items } = await cluster.list({ resource: PODS });
    expect(items.map((item) => typeof podSelector()(item)?.runs.unreadable)).to.deep.equal(['string']);
  });

  it('M35: what no thread reads is a Fault with the reason', async () => {
    const codes = {
      crowded: 'LimitExceeded',
      exhausted: 'LimitExceeded',
      crashed: 'InternalError',
      late: 'DeadlineExceeded',
    } as const;
    for (const [failure, code] of Object.entries(codes)) {
      const failing = await open(server.url, {
        parseElsewhere: async () => ({ ok: false, failure: failure as keyof typeof codes }),
      });
      serve(JSON.stringify(pod({ args: many(40_000, '') })));
      const fault = await faultOf(failing.get({ resource: PODS, namespace: 'shop', name: 'large' }), code);
      expect(fault.transient).to.equal(failure !== 'exhausted');
      await failing.close();
    }
  });

  it('M35: small objects are read here', async () => {
    serve(JSON.stringify(pod({})));
    expect((await getPod())?.status).to.have.property('phase', 'Running');
    expect(owners).to.deep.equal([]);
  });
});
