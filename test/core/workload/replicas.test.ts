import { expect } from 'chai';
import { replicasOf, scaleReplicas, type ObjectKind } from '../../../src/core/workload/index.ts';
import { DEPLOYMENT, POD } from './objects.ts';

describe('replicasOf', () => {
  const rows: readonly [string, unknown, ObjectKind, number | undefined][] = [
    ['reads the count of a Deployment', { spec: { replicas: 3 } }, DEPLOYMENT, 3],
    ['reads the count of a ReplicaSet', { spec: { replicas: 0 } }, { group: 'apps', kind: 'ReplicaSet' }, 0],
    [
      'reads the count of a StatefulSet',
      { spec: { replicas: 2 } },
      { group: 'apps', kind: 'StatefulSet' },
      2,
    ],
    [
      'reads the count of a ReplicationController',
      { spec: { replicas: 4 } },
      { group: '', kind: 'ReplicationController' },
      4,
    ],
    ['is one where the count is left out', { spec: {} }, DEPLOYMENT, 1],
    ['is one where the count is null', { spec: { replicas: null } }, DEPLOYMENT, 1],
    ['is nothing for a Pod', { spec: { replicas: 3 } }, POD, undefined],
    [
      'is nothing for a DaemonSet',
      { spec: { replicas: 3 } },
      { group: 'apps', kind: 'DaemonSet' },
      undefined,
    ],
    [
      'is nothing for the parallelism of a Job',
      { spec: { parallelism: 3 } },
      { group: 'batch', kind: 'Job' },
      undefined,
    ],
    ['is nothing for a count that is no number', { spec: { replicas: '3' } }, DEPLOYMENT, undefined],
    ['is nothing for a count below zero', { spec: { replicas: -1 } }, DEPLOYMENT, undefined],
    ['is nothing for an object without spec', {}, DEPLOYMENT, undefined],
    ['is nothing for no object at all', null, DEPLOYMENT, undefined],
  ];
  for (const [title, object, kind, count] of rows) {
    it(title, () => {
      expect(replicasOf(object, kind)).to.equal(count);
    });
  }
});

describe('scaleReplicas', () => {
  const rows: readonly [string, unknown, number | undefined][] = [
    ['reads the count', { spec: { replicas: 3 } }, 3],
    ['is none where the count is left out, because a zero is', { spec: {} }, 0],
    ['is none where the count is null', { spec: { replicas: null } }, 0],
    ['is none without spec', {}, 0],
    ['is unknown for a count that is a text', { spec: { replicas: '3' } }, undefined],
    ['is unknown for a count below zero', { spec: { replicas: -1 } }, undefined],
    ['is unknown for a spec that is a list', { spec: [] }, undefined],
    ['is unknown for no object', null, undefined],
  ];
  for (const [title, scale, expected] of rows) {
    it(title, () => expect(scaleReplicas(scale)).to.equal(expected));
  }
});
