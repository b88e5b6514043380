import type { ObjectKind } from '../../../src/core/workload/index.ts';

/** A kind with a function that makes an object with a pod spec. */
export interface Wrapping {
  readonly kind: ObjectKind;
  /** The path of the pod spec in the object. */
  readonly path: string;
  readonly around: (podSpec: unknown) => unknown;
}

const template = (spec: unknown): unknown => ({ spec: { template: { spec } } });

function templated(group: string, kind: string): Wrapping {
  return { kind: { group, version: 'v1', kind }, path: 'spec.template.spec', around: template };
}

/** Every kind with a pod spec. */
export const WRAPPINGS: readonly Wrapping[] = [
  { kind: { group: '', version: 'v1', kind: 'Pod' }, path: 'spec', around: (spec) => ({ spec }) },
  {
    kind: { group: '', version: 'v1', kind: 'PodTemplate' },
    path: 'template.spec',
    around: (spec) => ({ template: { spec } }),
  },
  templated('', 'ReplicationController'),
  templated('apps', 'Deployment'),
  templated('apps', 'ReplicaSet'),
  templated('apps', 'StatefulSet'),
  templated('apps', 'DaemonSet'),
  templated('batch', 'Job'),
  {
    kind: { group: 'batch', version: 'v1', kind: 'CronJob' },
    path: 'spec.jobTemplate.spec.template.spec',
    around: (spec) => ({ spec: { jobTemplate: { spec: { template: { spec } } } } }),
  },
];

export const POD: ObjectKind = { group: '', version: 'v1', kind: 'Pod' };
export const DEPLOYMENT: ObjectKind = { group: 'apps', version: 'v1', kind: 'Deployment' };
