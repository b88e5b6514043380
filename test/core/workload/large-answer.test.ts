import { expect } from 'chai';
import { parseLargeAnswer } from '../../../src/core/workload/index.ts';

const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, '']));
const read = (value: unknown): unknown => {
  const answer = parseLargeAnswer(JSON.stringify(value));
  return answer.ok ? answer.value : answer;
};
const promotion = (metadata: object, more: object = {}) => ({
  ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePromotion' },
  metadata: { name: 'app', namespace: 'shop', ...metadata },
  ...more,
});
const CUT = promotion({}, { isCut: true });
const container = { name: 'web', image: 'a/b:1', env: [{ name: 'A' }] };
const statuses = [{ name: 'web', imageID: 'x', containerID: 'cri-o://1', ready: true }];

describe('a large answer of the API server', () => {
  it('M35: has objects whole, and of managed fields only who wrote the spec', () => {
    const entry = (manager: string, time: string, fields: object) => ({ manager, time, fieldsV1: fields });
    const managedFields = [
      entry('old', '2026-01-01T00:00:00Z', { 'f:spec': { 'f:tags': {} } }),
      entry('labels', '2026-03-01T00:00:00Z', { 'f:metadata': {} }),
      ...Array.from({ length: 30 }, () => entry('x', '2026-01-02T00:00:00Z', { 'f:spec': {} })),
      entry('new', '2026-02-01T00:00:00Z', { 'f:spec': { 'f:gates': {} } }),
    ];
    const more = { spec: { a: [1, 'b', null] }, status: keys(5_000) };
    const kept = read(promotion({ managedFields, labels: { a: 'b' } }, more));
    const { metadata, ...rest } = kept as {
      readonly metadata: { readonly managedFields: readonly { readonly manager: string }[] };
    };
    expect(rest).to.deep.equal({ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePromotion', ...more });
    expect(metadata).to.deep.include({ name: 'app', labels: { a: 'b' } });
    const writers = metadata.managedFields;
    expect(writers.map(({ manager }) => manager)).to.deep.equal([
      'new',
      ...Array.from({ length: 19 }, () => 'x'),
    ]);
  });

  it('M35: is cut where an object has too many values, whatever its part, or is nested too deeply', () => {
    const deep = JSON.parse(`${'['.repeat(150)}${']'.repeat(150)}`) as unknown;
    for (const odd of [
      promotion({ labels: keys(400) }),
      promotion({ annotations: keys(400) }),
      promotion({ finalizers: Object.keys(keys(400)) }),
      promotion({}, { spec: keys(11_000) }),
      promotion({}, { status: keys(6_000), spec: keys(6_000) }),
      promotion({}, { spec: { deep } }),
    ])
      expect(read(odd)).to.deep.equal(CUT);
  });

  it('M35: has of workloads what is read of them, also of Jobs', () => {
    const object = {
      ...{ apiVersion: 'batch/v1', kind: 'Job' },
      metadata: { name: 'run', labels: keys(400), ownerReferences: [{ uid: 'u' }], managedFields: [{}] },
      spec: { template: { spec: { containers: [container] } } },
      status: { conditions: [{ type: 'Complete', status: 'True', reason: 'x' }], active: 0 },
    };
    expect(read(object)).to.deep.equal({
      ...{ apiVersion: 'batch/v1', kind: 'Job' },
      metadata: { name: 'run', ownerReferences: [{ uid: 'u' }] },
      spec: { template: { spec: { containers: [{ name: 'web', image: 'a/b:1' }] } } },
      status: { conditions: [{ type: 'Complete', status: 'True' }] },
    });
  });

  it('M35: has a pod of too many containers cut, so that it counts as one that cannot be read', () => {
    const containers = Array.from({ length: 6_000 }, () => ({}));
    expect(
      read({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers } }),
    ).to.deep.equal({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, isCut: true },
    });
  });

  it('M35: has the objects of lists and of events of a watch likewise', () => {
    const list = (items: readonly unknown[]) => ({
      ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePromotionList' },
      metadata: { resourceVersion: '1', continue: 'next' },
      items,
    });
    const { metadata } = promotion({});
    const item = { metadata, spec: keys(20_000) };
    expect(read(list([item, 'odd']))).to.deep.equal(list([CUT, 'odd']));
    expect(read({ type: 'ADDED', object: promotion({}, { spec: keys(20_000) }) })).to.deep.equal({
      type: 'ADDED',
      object: CUT,
    });
    const pods = Array.from({ length: 3 }, () => ({
      metadata: {},
      spec: { containers: [container] },
      status: { containerStatuses: statuses },
    }));
    expect(read({ apiVersion: 'v1', kind: 'PodList', metadata: {}, items: pods })).to.have.nested.property(
      'items[2].status.containerStatuses[0].imageID',
      'x',
    );
  });

  it('M35: is refused where the objects of a page have too many values together, but never for one', () => {
    const items = Array.from({ length: 3 }, () => promotion({}, { spec: keys(9_000) }));
    const page = (of: readonly unknown[]) => ({
      apiVersion: 'v1',
      kind: 'ImagePromotionList',
      metadata: {},
      items: of,
    });
    expect(read(page(items))).to.deep.equal({ ok: false, excess: true });
    expect(read(page(items.slice(1)))).to.have.property('items');
    expect(read(page([promotion({}, { spec: keys(30_000) })]))).to.have.nested.property(
      'items[0].isCut',
      true,
    );
  });

  it('M35: is no list where an object has a field of that name, and no object where it is no JSON', () => {
    const object = { apiVersion: 'v1', kind: 'Box', metadata: { name: 'a' }, items: [1] };
    expect(read(object)).to.have.property('items').that.deep.equals([1]);
    expect(parseLargeAnswer('{')).to.deep.equal({ ok: true, value: undefined });
    expect(read([])).to.deep.equal([]);
  });
});
