import { expect } from 'chai';
import { digestOf } from '../../src/core/model/index.ts';
import { ORIGINAL_IMAGES } from '../../src/webhook/original-images.ts';
import { WRAPPINGS } from '../core/workload/objects.ts';
import { podReview } from '../support/reviews.ts';
import { changed, containers, podOf } from './mutations.ts';

const WEB = 'registry.example.com/shop/web:1.4';
const SIDE = 'registry.example.com/shop/side';
const OTHER = 'other.example.com/tools:1';
const PINNED = `${WEB}@${digestOf('old')}`;

describe('pinning only Pods', () => {
  const pods = { objects: 'Pods' } as const;
  const record = (object: unknown): unknown => {
    const { metadata } = object as { metadata: { annotations?: Record<string, string> } };
    return JSON.parse(metadata.annotations?.[ORIGINAL_IMAGES] ?? 'null');
  };

  it('adds digests to Pods, and does not change templates', async () => {
    for (const { kind, around } of WRAPPINGS) {
      const asked = podReview([], { kind, object: { metadata: {}, ...(around(containers(WEB)) as object) } });
      const { steps, ports } = await changed(asked, pods);
      expect(steps, kind.kind).to.have.length(kind.kind === 'Pod' ? 2 : 0);
      expect(ports.asked, kind.kind).to.have.length(kind.kind === 'Pod' ? 1 : 0);
    }
  });

  it('records the original images, also for a pod without name and annotations', async () => {
    for (const annotations of [undefined, null, {}, { 'acme.example/note': 'kept' }]) {
      const metadata = { generateName: 'web-1-', ...(annotations !== undefined && { annotations }) };
      const asked = podReview([], { name: '', object: podOf(containers(WEB, PINNED, SIDE), metadata) });
      const { object } = await changed(asked, pods);
      expect(record(object)).to.deep.equal({ c0: WEB, c2: SIDE });
      expect(object).to.have.nested.property('metadata.generateName', 'web-1-');
      const { annotations: now } = (object as { metadata: { annotations: object } }).metadata;
      expect(now).to.include(annotations ?? {});
    }
  });

  it('distinguishes the volume from the container of the same name', async () => {
    const spec = { ...containers(WEB), volumes: [{ name: 'c0', image: { reference: SIDE } }] };
    const { object } = await changed(podReview([], { object: podOf(spec) }), pods);
    expect(record(object)).to.deep.equal({ c0: WEB, 'volume/c0': SIDE });
  });

  it('records nothing when templates get digests, and nothing for debug containers', async () => {
    const all = await changed(podReview([WEB]));
    expect(all.steps).to.have.length(1);
    const object = podOf({ ...containers(PINNED), ephemeralContainers: [{ name: 'd', image: WEB }] });
    const debug = await changed(
      podReview([], {
        operation: 'UPDATE',
        subResource: 'ephemeralcontainers',
        object,
        oldObject: podOf(containers(PINNED)),
      }),
      pods,
    );
    expect(debug.steps.map(({ path }) => path)).to.deep.equal(['/spec/ephemeralContainers/0/image']);
  });

  it('keeps the recorded images that are still in use, and no others', async () => {
    const before = { c0: WEB, c1: WEB, c2: WEB, gone: WEB, c3: 7 };
    const annotations = { [ORIGINAL_IMAGES]: JSON.stringify(before) };
    const images = [PINNED, OTHER, WEB, `${OTHER}@${digestOf('x')}`];
    const asked = podReview([], { object: podOf(containers(...images), { annotations }) });
    expect(record((await changed(asked, pods)).object)).to.deep.equal({ c0: WEB, c2: WEB });
  });

  for (const text of ['', 'no JSON', '[]', 'null', '7']) {
    it(`replaces an invalid record: ${JSON.stringify(text)}`, async () => {
      const annotations = { [ORIGINAL_IMAGES]: text };
      const { object } = await changed(
        podReview([], { object: podOf(containers(WEB), { annotations }) }),
        pods,
      );
      expect(record(object)).to.deep.equal({ c0: WEB });
    });
  }

  it('records as many images as fit, and adds digests in any case', async () => {
    const long = (index: number) => `registry.example.com/${'a'.repeat(150)}/${String(index)}:1`;
    const images = Array.from({ length: 1_000 }, (_, index) => long(index));
    const many = await changed(podReview([], { object: podOf(containers(...images)) }), pods);
    expect(many.steps).to.have.length(1_001);
    const text = JSON.stringify(record(many.object));
    expect(text.length).to.be.within(16_000, 16_384);
    const annotations = { 'acme.example/note': 'é'.repeat(131_050) };
    const full = await changed(podReview([], { object: podOf(containers(WEB), { annotations }) }), pods);
    expect(full.steps.map(({ path }) => path)).to.deep.equal(['/spec/containers/0/image']);
    const nearly = { 'acme.example/note': 'a'.repeat(261_900) };
    const { object } = await changed(
      podReview([], { object: podOf(containers(WEB, SIDE), { annotations: nearly }) }),
      pods,
    );
    expect(record(object)).to.deep.equal({ c0: WEB, c1: SIDE });
  });

  it('adds no patch below missing metadata', async () => {
    const { steps } = await changed(podReview([], { object: { spec: containers(WEB) } }), pods);
    expect(steps).to.have.length(1);
  });
});
