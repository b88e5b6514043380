import { expect } from 'chai';
import type { AdmissionPorts } from '../../../src/webhook/index.ts';
import { review } from '../../../src/webhook/index.ts';
import { mutate } from '../../../src/webhook/mutate.ts';
import { longestWork, LONGEST_DELAY_MS } from './loop-delay.ts';
import { podReview } from '../../support/reviews.ts';
import { openJobs } from '../../support/threads.ts';
import { responseIn } from '../../webhook/answers.ts';
import { containers, mutationPorts, podOf } from '../../webhook/mutations.ts';
import { testPorts } from '../../webhook/ports.ts';

const WEB = 'registry.example.com/shop/web:1.4';
const BAD = 'registry.example.com/shop/bad:1';

/** Three MiB of keys that are not read. */
const KEYS = Object.fromEntries(Array.from({ length: 220_000 }, (_, n) => [`key${n}`, n]));
const many = (count: number, one: unknown) => Array.from({ length: count }, () => one);
const bodyOf = (asked: unknown): Buffer => Buffer.from(JSON.stringify(asked));

describe('large reviews', () => {
  const threads = openJobs();
  after(() => threads.close());
  const owners: string[] = [];
  const decodeElsewhere: AdmissionPorts['decodeElsewhere'] = (asked, weight) => {
    owners.push(weight.owner);
    return threads.run('review', asked, weight);
  };
  beforeEach(() => owners.splice(0));
  const answerTo = async (asked: ReturnType<typeof podReview>, budgetMs = 10_000) => {
    const ports = testPorts({ decodeElsewhere });
    const { status, answer } = await review({ body: bodyOf(asked), budgetMs }, ports);
    return { status, response: responseIn(answer, asked.request.uid), ports };
  };

  it('M08: an object of very many keys is decoded elsewhere, and all of its images are judged', async () => {
    const spec = { ...containers(WEB, BAD), volumes: [{ name: 'v', image: { reference: BAD } }], KEYS };
    const { response, ports } = await answerTo(podReview([], { object: podOf(spec) }));
    expect(response.status?.reason).to.equal('Forbidden');
    expect(ports.judged).to.deep.equal([
      'spec.containers[0].image',
      'spec.containers[1].image',
      'spec.volumes[0].image.reference',
    ]);
    expect(owners).to.deep.equal(['shop']);
  });

  it('M08: an update of two such objects is decoded elsewhere, and only new images are judged', async () => {
    const before = podOf({ ...containers(WEB), KEYS });
    const now = podOf({ ...containers(WEB, BAD), KEYS });
    const asked = podReview([], { operation: 'UPDATE', object: now, oldObject: before });
    const { response, ports } = await answerTo(asked);
    expect(response.status?.reason).to.equal('Forbidden');
    expect(ports.judged).to.deep.equal(['spec.containers[1].image']);
    expect(owners).to.have.length(1);
  });

  it('M08: small reviews are decoded here', async () => {
    const { response } = await answerTo(podReview([WEB]));
    expect(response.allowed).to.equal(true);
    expect(owners).to.deep.equal([]);
  });

  it('M08: too many values, too deep a nesting and too many elements are refused with the limit', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const odd = [
      { object: podOf({ ...containers(WEB), x: many(700_000, 0) }) },
      { object: podOf({ ...containers(WEB), x: 'DEEP' }) },
      { object: podOf({ ...containers(WEB), volumes: many(30_000, {}) }) },
      { object: podOf({ containers: many(30_000, {}) }) },
    ];
    for (const more of odd) {
      const asked = podReview([], more);
      const ports = testPorts({ decodeElsewhere });
      const body = Buffer.from(JSON.stringify(asked).replace('"DEEP"', deep));
      const { status, answer } = await review({ body, budgetMs: 10_000 }, ports);
      const response = responseIn(answer, asked.request.uid);
      expect(status).to.equal(200);
      expect(response.status?.message).to.match(/^LimitExceeded: /);
      expect(ports.decisions[0]).to.deep.include({ allowed: false, reasons: ['LimitExceeded'] });
      expect(ports.judged).to.deep.equal([]);
    }
  });

  it('M08: a review that no thread decodes is refused, with the reason', async () => {
    const asked = podReview([], { object: podOf({ ...containers(WEB), x: 'x'.repeat(100_000) }) });
    const failures = {
      crowded: 'LimitExceeded',
      exhausted: 'LimitExceeded',
      crashed: 'InternalError',
    } as const;
    for (const [failure, reason] of Object.entries(failures)) {
      const ports = testPorts({
        decodeElsewhere: async () => ({ ok: false, failure: failure as keyof typeof failures }),
      });
      const { answer } = await review({ body: bodyOf(asked), budgetMs: 5_000 }, ports);
      expect(responseIn(answer, asked.request.uid).status?.reason).to.equal(reason);
      expect(ports.judged).to.deep.equal([]);
    }
    const never = testPorts({ decodeElsewhere: () => new Promise(() => undefined) });
    const { answer } = await review({ body: bodyOf(asked), budgetMs: 30 }, never);
    expect(responseIn(answer, asked.request.uid).status?.reason).to.equal('DeadlineExceeded');
  });

  it('M08: a large pod gets its digests, and a record unless it has very many annotations', async () => {
    const annotations = { few: { note: 'kept' }, many: KEYS };
    const steps: Record<string, unknown> = {};
    for (const [name, more] of Object.entries(annotations)) {
      const metadata = { name: 'web', annotations: { ...more, pad: 'x'.repeat(70_000) } };
      const asked = podReview([], { object: podOf(containers(WEB), metadata) });
      const ports = { ...mutationPorts({ objects: 'Pods' }), decodeElsewhere };
      const { answer } = await mutate({ body: bodyOf(asked), budgetMs: 10_000 }, ports);
      const { patch = '' } = responseIn(answer, asked.request.uid);
      const written = JSON.parse(Buffer.from(patch, 'base64').toString()) as { path: string }[];
      steps[name] = written.map(({ path }) => path);
    }
    expect(steps).to.deep.equal({
      few: ['/spec/containers/0/image', '/metadata/annotations/pratique.dev~1original-images'],
      many: ['/spec/containers/0/image'],
    });
    expect(owners).to.have.length(2);
  });

  it('M13: the main thread is not kept by a large review', async () => {
    const objects = {
      keys: podOf({ ...containers(WEB), KEYS }),
      containers: podOf({ containers: many(4_900, {}) }),
      annotations: podOf(containers(WEB), { annotations: KEYS }),
    };
    for (const [name, object] of Object.entries(objects)) {
      const body = bodyOf(podReview([], { operation: 'UPDATE', object, oldObject: object }));
      const ports = testPorts({ decodeElsewhere });
      const delay = await longestWork(() => review({ body, budgetMs: 20_000 }, ports));
      expect(delay, name).to.be.below(LONGEST_DELAY_MS);
    }
  });
});
