import { expect } from 'chai';
import { formatReference, pin, type Fact, type PinnedRef } from '../../src/core/model/index.ts';
import { mutateHandler } from '../../src/webhook/http.ts';
import { mutate } from '../../src/webhook/mutate.ts';
import { ABSENT, UNKNOWN_FACT, found, policyOf } from '../support/policies.ts';
import { podReview } from '../support/reviews.ts';
import { changed, digestFor, mutationPorts, type Otherwise } from './mutations.ts';

const WEB = 'registry.example.com/shop/web:1.4';
const SIDE = 'registry.example.com/shop/side';
const selecting = policyOf({
  match: { images: ['**'], namespaceSelector: {} },
  pinDigests: true,
  require: {},
});

describe('pinning with failures', () => {
  const facts: readonly [string, Fact<PinnedRef>, string, boolean][] = [
    ['a missing image', ABSENT, 'ImageNotFound', false],
    ['an image whose registry is down', UNKNOWN_FACT, 'RegistryUnavailable', true],
  ];
  for (const [what, fact, code, temporary] of facts) {
    it(`does not change ${what}, returns a warning, and pins the rest`, async () => {
      const { steps, response, ports } = await changed(podReview([`${SIDE}:gone`, WEB]), {
        resolve: async (images) =>
          images.map((image) =>
            image.tag === 'gone' ? fact : found(pin(image, digestFor(formatReference(image)))),
          ),
      });
      expect(steps.map(({ path }) => path)).to.deep.equal(['/spec/containers/1/image']);
      expect(response.warnings).to.have.length(1);
      expect(response.warnings?.[0]).to.include(code).and.include('spec.containers[0].image');
      expect(response.warnings?.[0]?.includes('(temporary, try again)')).to.equal(temporary);
      expect(ports.mutations[0]?.warnings).to.deep.equal(response.warnings);
    });
  }

  it('B13 does not change an object when a step fails, is missing or takes too long, and returns a warning', async () => {
    const never = () => new Promise<never>(() => undefined);
    const fails = () => Promise.reject(new Error('bug'));
    const throws = () => {
      throw new Error('bug');
    };
    const rows: readonly [Otherwise, string, number][] = [
      [{ resolve: fails }, 'InternalError', 1],
      [{ resolve: throws }, 'InternalError', 1],
      [{ policies: throws }, 'InternalError', 1],
      [{ resolve: async () => [] }, 'InternalError', 0],
      [{ resolve: never }, 'DeadlineExceeded', 0],
      [
        {
          policies: () => [selecting],
          namespaceLabels: never,
        },
        'DeadlineExceeded',
        0,
      ],
    ];
    for (const [otherwise, code, reports] of rows) {
      const { response, ports } = await changed(podReview([WEB]), otherwise, 30);
      expect(response).to.have.all.keys('uid', 'allowed', 'warnings');
      expect(response.warnings?.join()).to.include(code);
      expect(ports.reported).to.have.length(reports);
    }
  });

  it('B13 allows an unreadable object, unchanged and with a warning', async () => {
    for (const object of [null, { spec: 7 }, { spec: { containers: [{ image: 7 }] } }]) {
      const { response, ports } = await changed(podReview([], { object }));
      expect(response).to.have.all.keys('uid', 'allowed', 'warnings');
      expect(response.warnings?.[0]).to.include('InvalidRequest');
      expect(ports.reported).to.deep.equal([]);
    }
  });

  it('B13 allows a review of which only the uid can be read, and refuses a body that is no review', async () => {
    const ports = mutationPorts();
    const body = Buffer.from('{"request": {"uid": "u-1"}}');
    const { status, answer } = await mutate({ body, budgetMs: 5_000 }, ports);
    expect(status).to.equal(200);
    expect(answer.response).to.have.all.keys('uid', 'allowed', 'warnings');
    expect(answer.response).to.deep.include({ uid: 'u-1', allowed: true });
    expect(answer.response.warnings?.every((warning) => warning.length <= 256)).to.equal(true);
    const nothing = await mutate({ body: Buffer.from('no JSON'), budgetMs: 5_000 }, ports);
    expect(nothing.status).to.equal(400);
    expect(nothing.answer.response.allowed).to.equal(false);
  });

  it('answers over HTTP in time, with a status for a review that is too large', async () => {
    const ports = mutationPorts({ resolve: () => new Promise<never>(() => undefined) });
    const handle = mutateHandler(ports, 10_000);
    const query = new URLSearchParams({ timeout: '100ms' });
    const late = await handle({ body: Buffer.from(JSON.stringify(podReview([WEB]))), query });
    expect(late).to.include({ status: 200, contentType: 'application/json' });
    expect(late.body).to.include('DeadlineExceeded');
    expect((await handle({ body: 'too large', query })).status).to.equal(413);
  });
});
