import { expect } from 'chai';
import type { RequestEvent } from '../../../src/clients/kubernetes/index.ts';
import type { Cluster } from '../../../src/clients/kubernetes/types.ts';
import { startApiServer, type ApiServer } from '../../support/api-server/index.ts';
import { firstTimes, refusal, type Reply } from '../../support/api-server/http.ts';
import { describeCluster } from './cluster-contract.ts';
import { ACME, CONFIG_MAPS, configMap, faultOf, open } from './open.ts';

describe('the client of the API server', () => {
  let server: ApiServer;
  let cluster: Cluster;
  const events: RequestEvent[] = [];
  before(async () => {
    server = await startApiServer();
    cluster = await open(server.url, {
      user: { token: 'sesame' },
      requestTimeoutMs: 30_000,
      onRequest: (event) => events.push(event),
    });
  });
  afterEach(() => {
    server.intercept(undefined);
    events.length = 0;
  });
  after(async () => {
    await cluster.close();
    await server.close();
  });
  const web = { ...ACME, name: 'web' };
  const last = () => server.requests.at(-1);

  describe('keeps the contract', () => {
    describeCluster(() => open(server.url));
  });

  it('sends its user agent, and counts its requests', async () => {
    await cluster.get({ ...web, subresource: 'status' });
    expect(last()?.headers).to.include({ authorization: 'Bearer sesame', 'user-agent': 'pratique/0.0.0' });
    expect(events.map(({ verb, resource, status }) => [verb, resource, status])).to.deep.equal([
      ['get', 'configmaps/status', 404],
    ]);
  });

  it('sends all reads and writes over a few connections', async () => {
    await Promise.all(Array.from({ length: 100 }, () => cluster.get(web)));
    expect(await server.connections()).to.be.at.most(20);
  });

  for (const name of ['..', '.', '', 'a/b', '..%2f..']) {
    it(`sends no request for an object with an invalid name: "${name}"`, async () => {
      const before = server.requests.length;
      expect(await cluster.get({ ...ACME, name })).to.equal(undefined);
      expect(await cluster.get({ resource: CONFIG_MAPS, namespace: name, name: 'web' })).to.equal(undefined);
      expect(await cluster.remove({ ...ACME, name })).to.equal(false);
      const refused = await cluster.replace({ ...ACME, name }, configMap('web'));
      expect(refused).to.include({ ok: false, status: 400, reason: 'BadRequest' });
      await faultOf(cluster.list({ resource: CONFIG_MAPS, namespace: name }), 'ClusterUnavailable');
      expect(server.requests.length).to.equal(before);
    });
  }

  it('sets the kind of list items, which the server leaves out', async () => {
    server.intercept(() => ({
      status: 200,
      body: {
        kind: 'ImagePolicyList',
        apiVersion: 'pratique.dev/v1',
        metadata: { resourceVersion: '7' },
        items: [{ metadata: { name: 'a' } }],
      },
    }));
    const { items } = await cluster.list(ACME);
    expect(items).to.deep.equal([
      { apiVersion: 'pratique.dev/v1', kind: 'ImagePolicy', metadata: { name: 'a' } },
    ]);
  });

  it('reads a list of null as an empty one', async () => {
    server.intercept(() => ({
      status: 200,
      body: { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '7' }, items: null },
    }));
    expect(await cluster.list(ACME)).to.deep.equal({ items: [], resourceVersion: '7' });
  });

  it('passes on warnings of the server', async () => {
    server.intercept(() => ({
      status: 201,
      headers: { warning: ['299 - "say \\"please\\""', '299 - "soon gone"'] },
      body: configMap('web'),
    }));
    const written = await cluster.create(ACME, configMap('web'));
    expect(written.warnings).to.deep.equal(['say "please"', 'soon gone']);
  });

  it('accepts reviews, which are returned without a name', async () => {
    const body = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: {},
      status: { allowed: true },
    };
    server.intercept(() => ({ status: 201, body }));
    const written = await cluster.create(ACME, body);
    expect(written.ok && written.object.status).to.deep.equal({ allowed: true });
  });

  describe('treats as a refusal', () => {
    for (const status of [400, 403, 404, 405, 409, 410, 413, 415, 422]) {
      it(`${status} to a write`, async () => {
        server.intercept(() => refusal(status, 'Because', 'of that'));
        const written = await cluster.create(ACME, configMap('web'));
        expect(written).to.deep.equal({
          ok: false,
          status,
          reason: 'Because',
          message: 'of that',
          warnings: [],
        });
      });
    }
  });

  describe('throws a fault', () => {
    const rows = [
      { status: 401, code: 'ClusterDenied', transient: true },
      { status: 403, code: 'ClusterDenied', transient: false },
      { status: 410, code: 'ClusterUnavailable', transient: true },
      { status: 500, code: 'ClusterUnavailable', transient: true },
      { status: 503, code: 'ClusterUnavailable', transient: true },
      { status: 302, code: 'ClusterUnavailable', transient: false },
    ] as const;
    for (const { status, code, transient } of rows) {
      it(`when a read is answered with ${status}`, async () => {
        server.intercept(() => ({
          ...refusal(status, 'Because', 'of sesame\u0007'),
          headers: { location: 'http://127.0.0.1:1/' },
        }));
        for (const read of [cluster.get(web), cluster.list(ACME)]) {
          const fault = await faultOf(read, code);
          expect(fault.transient).to.equal(transient);
          expect(fault.message).to.contain('Because').and.not.contain('sesame').and.not.contain('\u0007');
        }
      });
    }

    it('when a write is answered with 500, with the words of the server', async () => {
      server.intercept(() => refusal(500, 'InternalError', 'failed calling webhook'));
      const fault = await faultOf(cluster.create(ACME, configMap('web')), 'ClusterUnavailable');
      expect(fault.detail).to.contain('failed calling webhook');
    });

    it('C06 without the secret in the path of a webhook, which the server repeats when it cannot reach one', async () => {
      for (const secret of ['0a'.repeat(32), 'A-_9'.repeat(6)]) {
        const words = `failed calling webhook "a": Post "https://a.b.svc:443/validate/${secret}?timeout=10s": EOF; /mutate/${secret}`;
        server.intercept(() => refusal(500, 'InternalError', words));
        const fault = await faultOf(cluster.create(ACME, configMap('web')), 'ClusterUnavailable');
        expect(fault.message).to.contain('/validate/…?timeout=10s').and.not.contain(secret.slice(-4));
        server.intercept(() => refusal(422, 'Invalid', words));
        expect(JSON.stringify(await cluster.create(ACME, configMap('web')))).not.to.contain(secret);
      }
    });

    it('when the resource is unknown, which may change', async () => {
      server.intercept(() => ({ status: 404, body: '404 page not found' }));
      expect((await faultOf(cluster.list(ACME), 'ClusterUnavailable')).transient).to.equal(true);
    });

    it('when the answer is no JSON, without repeating it', async () => {
      server.intercept(() => ({ status: 200, body: '{"data": "c2VjcmV0' }));
      const { message } = await faultOf(cluster.get(web), 'ClusterUnavailable');
      expect(message).to.not.contain('c2Vj');
    });

    it('when an object or a page exceeds the size limit', async () => {
      server.intercept(({ url }) => ({
        status: 200,
        body: 'x'.repeat((url.searchParams.has('limit') ? 33 : 9) * 1024 * 1024),
      }));
      await faultOf(cluster.get(web), 'LimitExceeded');
      await faultOf(cluster.list(ACME), 'LimitExceeded');
    });

    it('when no answer arrives within the deadline', async () => {
      const hasty = await open(server.url, { requestTimeoutMs: 50 });
      server.intercept(() => 'silence');
      expect((await faultOf(hasty.get(web), 'ClusterUnavailable')).transient).to.equal(true);
      await faultOf(hasty.create(ACME, configMap('web')), 'ClusterUnavailable');
      await hasty.close();
    });

    it('when no answer arrives within the deadline, and continues with new connections', async () => {
      const hasty = await open(server.url, { requestTimeoutMs: 1_500 });
      await Promise.all([hasty.get(web), hasty.get(web), hasty.get(web)]);
      const sockets = new Set(server.requests.slice(-3).map(({ port }) => port));
      server.intercept(() => 'silence');
      await faultOf(hasty.get(web), 'ClusterUnavailable');
      server.intercept(undefined);
      await hasty.get(web);
      expect(sockets.has(last()?.port)).to.equal(false);
      await hasty.close();
    });

    it('when the signal of the caller aborts', async () => {
      server.intercept(() => 'silence');
      await faultOf(cluster.get(web, AbortSignal.timeout(20)), 'ClusterUnavailable');
      await faultOf(cluster.get(web, AbortSignal.abort()), 'ClusterUnavailable');
    });
  });

  describe('when the server is busy', () => {
    const busy = (status: number, after?: string): Reply => ({
      ...refusal(status, 'Busy'),
      headers: after === undefined ? {} : { 'retry-after': after },
    });

    it('waits as long as the server requests, also with a write', async () => {
      server.intercept(firstTimes(2, () => true, busy(429, '0')));
      expect((await cluster.create(ACME, configMap('patient'))).ok).to.equal(true);
      server.intercept(firstTimes(1, () => true, busy(503, '0')));
      expect(await cluster.get({ ...ACME, name: 'patient' })).to.not.equal(undefined);
      expect(events.map(({ status }) => status)).to.deep.equal([429, 429, 201, 503, 200]);
    });

    it('gives up after a few times', async () => {
      server.intercept(() => busy(429, '0'));
      expect((await faultOf(cluster.get(web), 'ClusterUnavailable')).transient).to.equal(true);
      expect(events).to.have.length(5);
    });

    it('leaves a long pause to the caller', async () => {
      server.intercept(() => busy(429, '86400'));
      await faultOf(cluster.get(web), 'ClusterUnavailable');
      expect(events).to.have.length(1);
    });

    it('retries after 503 only when the server requests it', async () => {
      server.intercept(() => busy(503));
      await faultOf(cluster.get(web), 'ClusterUnavailable');
      expect(events).to.have.length(1);
    });
  });

  describe('when the connection is cut', () => {
    it('reads once more', async () => {
      server.intercept(firstTimes(1, () => true, 'hang up'));
      expect(await cluster.get(web)).to.equal(undefined);
      expect(events.map(({ status }) => status)).to.deep.equal([undefined, 404]);
    });

    it('does not write twice', async () => {
      server.intercept(firstTimes(1, () => true, 'hang up'));
      await faultOf(cluster.create(ACME, configMap('web')), 'ClusterUnavailable');
      expect(events).to.have.length(1);
    });

    it('works again when the server is back', async () => {
      await server.stop();
      expect((await faultOf(cluster.get(web), 'ClusterUnavailable')).transient).to.equal(true);
      await server.start();
      expect(await cluster.get(web)).to.equal(undefined);
    });
  });
});
