import type { KubeManifest } from '../workload-objects.ts';

/** A third-party kind that holds a pod spec, as values of the chart name it. */
export const ROLLOUT_KIND = {
  apiGroup: 'acme.example.com',
  apiVersions: ['v1'],
  kind: 'Rollout',
  resource: 'rollouts',
  podSpec: 'spec.template.spec',
  replicas: 'spec.replicas',
} as const;

/** Its definition; it scales by the subresource. */
export function rolloutCrd(): object {
  const { apiGroup: group, kind, resource: plural } = ROLLOUT_KIND;
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const properties = { replicas: { type: 'integer' }, template: anything };
  const schema = {
    type: 'object',
    properties: {
      spec: { type: 'object', properties },
      status: { type: 'object', properties: { replicas: { type: 'integer' } } },
    },
  };
  const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: 'rollout', listKind: 'RolloutList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {}, scale },
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}

/** A Rollout of this pod spec. */
export function rollout(name: string, podSpec: object, replicas: number): KubeManifest {
  return {
    apiVersion: `${ROLLOUT_KIND.apiGroup}/v1`,
    kind: ROLLOUT_KIND.kind,
    metadata: { name },
    spec: { replicas, template: { spec: podSpec } },
  };
}
