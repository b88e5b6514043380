import { expect } from 'chai';
import { review } from '../../src/webhook/index.ts';
import { policyOf } from '../support/policies.ts';
import { podReview } from '../support/reviews.ts';
import { responseIn } from './answers.ts';
import { judgedImage, refused, testPorts, type Otherwise } from './ports.ts';

const IMAGE = 'registry.example.com/shop/web:1.4.0';

async function answered(asked: ReturnType<typeof podReview>, otherwise: Otherwise = {}, budgetMs = 5_000) {
  const ports = testPorts(otherwise);
  const { status, answer } = await review({ body: Buffer.from(JSON.stringify(asked)), budgetMs }, ports);
  return { status, response: responseIn(answer, asked.request.uid), ports };
}

describe('review', () => {
  it('logs every decision with who, what and why', async () => {
    const { ports } = await answered(podReview(['bad/one:1', IMAGE]));
    const [decision] = ports.decisions;
    expect(decision).to.deep.include({
      kind: 'Pod',
      namespace: 'shop',
      name: 'web',
      operation: 'CREATE',
      dryRun: false,
      allowed: false,
      verdict: 'deny',
      reasons: ['Unsigned'],
      images: ['bad/one:1', IMAGE],
    });
    expect(decision?.milliseconds).to.be.within(0, 5_000);
  });

  it('B13 logs the reason of a refusal that is not about images', async () => {
    const thrown = await answered(podReview([IMAGE]), { judge: () => Promise.reject(new Error('bug')) });
    expect(thrown.ports.decisions[0]).to.deep.include({
      allowed: false,
      verdict: 'unknown',
      reasons: ['InternalError'],
    });
    const late = await answered(podReview([IMAGE]), { judge: () => new Promise(() => undefined) }, 30);
    expect(late.ports.decisions[0]).to.deep.include({
      allowed: false,
      verdict: 'unknown',
      reasons: ['DeadlineExceeded'],
    });
    const unread = await answered(podReview([], { object: null }));
    expect(unread.ports.decisions[0]).to.deep.include({
      allowed: false,
      verdict: 'deny',
      reasons: ['InvalidRequest'],
    });
  });

  it('logs the refusal of a body that is not a review', async () => {
    const ports = testPorts();
    await review({ body: Buffer.from('{"request": {"uid": "u-1"}}'), budgetMs: 5_000 }, ports);
    expect(ports.decisions).to.have.length(1);
    expect(ports.decisions[0]).to.deep.include({
      uid: 'u-1',
      allowed: false,
      reasons: ['InvalidRequest'],
      images: [],
    });
  });

  it('B13 refuses when the policies or the namespace cannot be read', async () => {
    const fails = () => {
      throw new Error('the store is broken');
    };
    const selecting = policyOf({ match: { images: ['**'], namespaceSelector: {} }, require: {} });
    for (const otherwise of [{ policies: fails }, { policies: () => [selecting], namespaceLabels: fails }]) {
      const { response, ports } = await answered(podReview([IMAGE]), otherwise);
      expect(response.status).to.include({ code: 500, reason: 'InternalError' });
      expect(ports.reported).to.have.length(1);
    }
  });

  it('B13 survives a judge that fails after the response was sent', async () => {
    const { response } = await answered(
      podReview([IMAGE]),
      { judge: () => new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 40)) },
      20,
    );
    expect(response.status?.reason).to.equal('DeadlineExceeded');
    await new Promise((resolve) => setTimeout(resolve, 60)); // an unhandled rejection would end the process
  });

  it('answers even with almost no time left', async () => {
    const { response } = await answered(
      podReview([IMAGE]),
      { judge: () => new Promise(() => undefined) },
      0.5,
    );
    expect(response.status?.reason).to.equal('DeadlineExceeded');
  });

  it('B16 decides a dry run like the real thing', async () => {
    for (const image of ['bad/one:1', IMAGE]) {
      const real = podReview([image]);
      const dry = { ...real, request: { ...real.request, dryRun: true } };
      const [one, other] = [await answered(real), await answered(dry)];
      expect(other.response).to.deep.equal(one.response);
      expect(other.ports.decisions[0]?.dryRun).to.equal(true);
    }
  });

  it('C08 reads logins in the namespace of the request, whatever the object says of its own', async () => {
    const asked = podReview([IMAGE]);
    const object = {
      ...asked.request.object,
      metadata: {
        name: 'web',
        namespace: 'kube-system',
        ownerReferences: [{ name: 'x', namespace: 'kube-system' }],
      },
      spec: {
        containers: [{ name: 'a', image: IMAGE }],
        imagePullSecrets: [{ name: 'pull', namespace: 'kube-system' }],
      },
    };
    const used: unknown[] = [];
    await answered(
      { ...asked, request: { ...asked.request, object } },
      {
        judge: async ({ images, credentials }) => {
          used.push(credentials);
          return images.map((image) => judgedImage(image, []));
        },
      },
    );
    expect(used).to.deep.equal([{ namespace: 'shop', pullSecrets: ['pull'], serviceAccount: 'default' }]);
  });

  it('B09 reads the labels of the namespace of the request, and passes them on with one snapshot of the policies', async () => {
    const asked: unknown[] = [];
    const selecting = policyOf({
      match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'production' } } },
      require: {},
    });
    const { ports } = await answered(podReview([IMAGE]), {
      policies: () => [selecting],
      namespaceLabels: async (name, signal) => {
        asked.push(name, signal.aborted);
        return { state: 'unknown', reason: { code: 'NamespaceUnknown', detail: name }, transient: false };
      },
      judge: async ({ images, labels, policies }) => {
        asked.push(labels.state === 'unknown' && labels.reason.detail, policies);
        return images.map((image) => judgedImage(image, []));
      },
    });
    expect(asked).to.deep.equal(['shop', false, 'shop', [selecting]]);
    expect(ports.decisions[0]?.allowed).to.equal(true);
  });

  it('B09 does not read labels while no policy selects by them, and treats them as unknown', async () => {
    const asked: unknown[] = [];
    await answered(podReview([IMAGE]), {
      policies: () => [policyOf({ require: {} })],
      namespaceLabels: () => Promise.reject(new Error('was asked')),
      judge: async ({ images, labels }) => {
        asked.push(labels.state);
        return images.map((image) => judgedImage(image, []));
      },
    });
    expect(asked).to.deep.equal(['unknown']);
  });

  it('B13 answers in time while the namespace cannot be read', async () => {
    const selecting = policyOf({ match: { images: ['**'], namespaceSelector: {} }, require: {} });
    const { response } = await answered(
      podReview([IMAGE]),
      { policies: () => [selecting], namespaceLabels: () => new Promise(() => undefined) },
      30,
    );
    expect(response.status?.reason).to.equal('DeadlineExceeded');
  });

  it('passes on the pull secrets of the images, and the namespace of the request', async () => {
    const asked: unknown[] = [];
    const { response } = await answered(
      podReview([], {
        object: {
          metadata: { namespace: 'elsewhere' },
          spec: {
            containers: [{ name: 'web', image: IMAGE }],
            imagePullSecrets: [{ name: 'pull' }],
            serviceAccountName: 'robot',
          },
        },
      }),
      {
        judge: async ({ images, credentials }) => {
          asked.push(credentials);
          return images.map((image) => judgedImage(image, []));
        },
      },
    );
    expect(asked).to.deep.equal([{ namespace: 'shop', pullSecrets: ['pull'], serviceAccount: 'robot' }]);
    expect(response.allowed).to.equal(true);
  });

  it('B13 refuses an object whose pull secrets cannot be read', async () => {
    const { response, ports } = await answered(
      podReview([], { object: { spec: { containers: [{ image: IMAGE }], imagePullSecrets: [7] } } }),
    );
    expect(response.status).to.include({ code: 400, reason: 'InvalidRequest' });
    expect(response.status?.message).to.include('spec.imagePullSecrets[0]');
    expect(ports.judged).to.deep.equal([]);
  });

  it('B17 judges containers of one name, skips empty images, and accepts 1,000 containers', async () => {
    const { ports } = await answered(
      podReview([], {
        object: {
          spec: {
            containers: [
              { name: 'a', image: IMAGE },
              { name: 'a', image: 'bad/one:1' },
              { name: 'b', image: ' ' },
            ],
          },
        },
      }),
    );
    expect(ports.judged).to.deep.equal(['spec.containers[0].image', 'spec.containers[1].image']);
    expect(ports.decisions[0]?.allowed).to.equal(false);
    const many = await answered(
      podReview(Array.from({ length: 1_000 }, (_, index) => `bad/image-${index}:1`)),
    );
    expect(many.ports.judged).to.have.length(1_000);
    const lines = many.response.status?.message.split('\n') ?? [];
    expect(lines).to.have.length(1_001);
    expect(lines[0]?.length).to.be.at.most(200);
    const more = await answered(
      podReview(Array.from({ length: 1_001 }, (_, index) => `bad/image-${index}:1`)),
    );
    expect(more.response.status?.message).to.include('more than 1000 images');
  });

  it('does not wait for a timer after the answer', async () => {
    const started = performance.now();
    const judge: Otherwise['judge'] = async ({ images }) =>
      images.map((image) => judgedImage(image, [refused()]));
    await answered(podReview([IMAGE]), { judge }, 30_000);
    expect(performance.now() - started).to.be.below(15_000);
  });
});
