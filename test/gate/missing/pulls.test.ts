import { expect } from 'chai';
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { startApiServer, type ApiServer } from '../../support/api-server/index.ts';
import { openPolicyFixture, type PolicyFixture } from '../../support/policy-fixture.ts';
import { startClusterGate, type RunningGate } from '../running-gate.ts';

const MIRROR = { resource: RESOURCES.promotions, namespace: 'platform', name: 'shop-mirror' };
const SOURCE = 'public.example.com';

describe('pulls of what is missing, or not judged yet', () => {
  let fixture: PolicyFixture;
  let server: ApiServer;
  let gate: RunningGate;
  before(async () => {
    [fixture, server] = await Promise.all([openPolicyFixture(), startApiServer()]);
    const { twin } = server;
    const { host } = fixture.registry;
    twin.put(RESOURCES.policies, { ...fixture.policy({}), metadata: { name: 'all', generation: 1 } });
    const [source, target] = [`${SOURCE}/shop/*`, `${host}/quarantine`];
    const spec = {
      source: { repositories: [{ from: source }] },
      ...{ target: { repository: target }, tags: { semver: ['*'] }, mirror: {} },
    };
    const { namespace, name } = MIRROR;
    const metadata = { name, namespace, uid: 'uid', generation: 1 };
    const promotion = { apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePromotion' };
    twin.put(RESOURCES.promotions, { ...promotion, metadata, spec });
    const again = { ...metadata, name: 'shop-to-golden', uid: 'other' };
    const onwards = {
      ...spec,
      source: { repositories: [{ from: `${host}/quarantine/shop/*` }] },
      mirror: undefined,
    };
    twin.put(RESOURCES.promotions, {
      ...{ ...promotion, metadata: again },
      spec: { ...onwards, target: { repository: `${host}/golden` }, promote: {} },
    });
    gate = await startClusterGate(
      {
        upstreams: [{ match: [`${SOURCE}/**`], registry: host }, { match: [`${host}/**`] }],
        onMissing: { request: MIRROR.name },
      },
      server.url,
    );
    for (;;) if ((await gate.get(`${SOURCE}/shop/good/manifests/1.0`)).status !== 503) break;
  });
  after(async () => {
    await gate.close();
    await Promise.all([server.close(), fixture.registry.close()]);
  });
  beforeEach(() => {
    const { metadata, ...rest } = server.twin.peek(MIRROR)!;
    server.twin.put(MIRROR.resource, { ...rest, metadata: { ...metadata, annotations: {} } });
  });
  const annotations = () => server.twin.peek(MIRROR)?.metadata.annotations ?? {};
  const errorOf = async (answer: Response) =>
    ((await answer.json()) as { errors: [{ code: string; message: string; detail: Record<string, string> }] })
      .errors[0];

  it('G40 a thousand pulls of a missing image change the promotion once', async () => {
    const before = server.requests.length;
    const pulls = Array.from({ length: 1_000 }, () => gate.get(`${SOURCE}/shop/web/manifests/2.0`));
    const answers = await Promise.all(pulls);
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect([...new Set(answers.map(({ status }) => status))]).to.deep.equal([404]);
    expect(texts.filter((text) => !text.includes('ask again in'))).to.deep.equal([]);
    const sent = server.requests.slice(before).filter(({ method }) => method === 'PATCH');
    expect(sent).to.have.length(1);
  });

  it('a missing image is 404 with where it is on its way, by GET and by HEAD', async () => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await gate.get(`${SOURCE}/shop/cart/manifests/1.2`, { method });
      expect(answer.status).to.equal(404);
      expect(Number(answer.headers.get('retry-after'))).to.be.within(1, 360);
      expect(answer.headers.get('warning')).to.match(/NotPromotedYet: .*ask again in /);
      if (method === 'HEAD') continue;
      const { code, message, detail } = await errorOf(answer);
      expect(code).to.equal('MANIFEST_UNKNOWN');
      expect(message).to.match(
        /^public\.example\.com\/shop\/cart:1\.2: NotPromotedYet: it is not here yet; /,
      );
      expect(detail).to.include({ reason: 'NotPromotedYet', image: `${SOURCE}/shop/cart:1.2` });
      expect(detail.found).to.match(/^promotion "shop-mirror" (?:was asked|begins)/);
    }
    expect(gate.log.findLast(({ msg }) => msg === 'pulled')).to.include({
      reason: 'NotPromotedYet',
      status: 404,
    });
  });

  it('G47 a digest that is not judged yet is refused at its first pull, and the promotion is asked for it', async () => {
    const answer = await gate.get(`${SOURCE}/shop/unsigned/manifests/1.0`);
    expect(answer.status).to.equal(403);
    const { code, message, detail } = await errorOf(answer);
    expect([code, detail.reason]).to.deep.equal(['DENIED', 'Unsigned']);
    expect(message)
      .to.include('promotion "shop-mirror" ')
      .and.to.match(/; ask again in \d+ /);
    expect(Number(answer.headers.get('retry-after'))).to.be.greaterThan(0);
  });

  it('G48 what is refused for good asks for nothing, and nothing is said of promotions', async () => {
    const { twin } = server;
    twin.put(RESOURCES.policies, {
      ...fixture.policy({ match: { images: ['**/shop/old'] }, require: { lifecycle: {} } }, 'old'),
      metadata: { name: 'all', generation: 2 },
    });
    for (;;) if ((await gate.get(`${SOURCE}/shop/good/manifests/1.0`)).status === 403) break;
    for (const name of ['old', 'nothing-covers-this']) {
      const answer = await gate.get(`${SOURCE}/shop/${name}/manifests/1.0`);
      expect(answer.status).to.equal(403);
      expect(answer.headers.get('retry-after')).to.equal(null);
      expect((await errorOf(answer)).message).not.to.include('promotion');
    }
    expect(annotations()).to.deep.equal({});
  });

  it('G42 no spelling of a tag or name reaches the promotion', async () => {
    for (const path of [
      'shop/web/manifests/2.0%0aannotations:',
      'shop/web/manifests/2.0"}}}',
      'shop/web%2f..%2fevil/manifests/2.0',
      'shop/../evil/manifests/2.0',
      `shop/web/manifests/${'9'.repeat(129)}`,
      'other/web/manifests/2.0',
    ])
      expect((await gate.get(`${SOURCE}/${path}`)).status, path).to.be.within(400, 405);
    expect(annotations()).to.deep.equal({});
  });
});
