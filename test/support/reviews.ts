import { randomUUID } from 'node:crypto';

/** An AdmissionReview as the API server sends it, for a pod with these images, one container each. */
export function podReview(images: readonly string[], more: Readonly<Record<string, unknown>> = {}) {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      containers: images.map((image, index) => ({ name: index === 0 ? 'web' : `web-${index}`, image })),
    },
  };
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: randomUUID(),
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      name: 'web',
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: 'jane@acme.example' },
      object,
      oldObject: null,
      dryRun: false,
      ...more,
    },
  };
}
