import { expect } from 'chai';
import {
  extractImages,
  pullSecretsOf,
  reducedObject,
  replicasOf,
  scaleReplicas,
  workloadTable,
} from '../../../src/core/workload/index.ts';
import { WRAPPINGS } from './objects.ts';

const container = { name: 'web', image: 'a/b:1', imagePullPolicy: 'Always', env: [{ name: 'A' }] };

/** Pod specs of every shape that is read, and of every type that is wrong. */
const SPECS: readonly unknown[] = [
  {
    containers: [container, {}, { name: 'c' }],
    initContainers: [container],
    ephemeralContainers: [container],
    volumes: [
      { name: 'v', image: { reference: 'c/d:2', pullPolicy: 'Never' } },
      { name: 'w', emptyDir: {} },
    ],
    imagePullSecrets: [{ name: 'one' }, {}, { name: 'two' }],
    serviceAccountName: 'builder',
    tolerations: [{ key: 'x' }],
  },
  { serviceAccount: 'old', containers: null },
  ...[1, 'text', true, [], {}, [1], [[]], [null], [{ name: {}, image: [] }], [{ image: { a: 1 } }]].flatMap(
    (odd) => [
      odd,
      { containers: odd },
      { volumes: odd },
      { volumes: [{ name: 'v', image: odd }] },
      { imagePullSecrets: odd },
      { serviceAccountName: odd },
      { containers: [container], replicas: odd },
    ],
  ),
];

describe('a reduced object', () => {
  it('M08: reads as the whole object in every place and of every type', () => {
    for (const { kind, around } of WRAPPINGS)
      for (const spec of SPECS) {
        const whole = around(spec);
        const part = reducedObject(whole, kind);
        const text = JSON.stringify(spec);
        expect(part.ok, text).to.equal(true);
        if (!part.ok) continue;
        expect(extractImages(part.value, kind), text).to.deep.equal(extractImages(whole, kind));
        expect(pullSecretsOf(part.value, kind), text).to.deep.equal(pullSecretsOf(whole, kind));
        expect(replicasOf(part.value, kind), text).to.equal(replicasOf(whole, kind));
      }
  });

  it('M08: reads as the whole where a part of the way is missing or wrong', () => {
    for (const { kind } of WRAPPINGS)
      for (const odd of [
        null,
        undefined,
        1,
        [],
        {},
        { spec: null },
        { spec: [] },
        { template: 1 },
        { spec: { template: 1 } },
      ]) {
        const part = reducedObject(odd, kind);
        expect(part.ok && extractImages(part.value, kind)).to.deep.equal(extractImages(odd, kind));
        expect(part.ok && scaleReplicas(part.value)).to.equal(scaleReplicas(odd));
      }
  });

  it('M08: keeps replicas, also of custom kinds whose paths overlap and of a Scale', () => {
    const kind = { group: 'acme.example', kind: 'Service' };
    const table = workloadTable([
      { apiGroup: 'acme.example', kind: 'Service', podSpec: 'spec', replicas: 'spec.scale.count' },
    ]);
    if (!table.ok) throw new Error('no table');
    const object = { kind: 'Service', spec: { replicas: 3, other: 1, scale: { count: 2, more: {} } } };
    const part = reducedObject(object, kind, table.value);
    expect(part.ok && replicasOf(part.value, kind, table.value)).to.equal(2);
    expect(part.ok && scaleReplicas(part.value)).to.equal(3);
    expect(part.ok && part.value).to.deep.equal({
      kind: 'Service',
      spec: { replicas: 3, scale: { count: 2 } },
    });
  });

  it('M08: counts the elements of all lists together', () => {
    const kind = { group: '', kind: 'Pod' };
    const list = (count: number) => Array.from({ length: count }, () => ({}));
    expect(reducedObject({ spec: { containers: list(2_500), volumes: list(2_500) } }, kind).ok).to.equal(
      true,
    );
    const over = reducedObject({ spec: { containers: list(2_500), volumes: list(2_501) } }, kind);
    expect(over.ok || over.problems[0]?.path).to.equal('spec.volumes');
  });
});
