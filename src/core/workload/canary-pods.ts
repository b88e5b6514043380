import type { Fields } from './pod-spec.ts';

/** How the canary's image is used; `sidecar` is an init container that keeps running. */
export type CanaryPath = PodPath | 'ephemeralContainers';
/** Those that an object can be created with. */
export type PodPath = 'containers' | 'initContainers' | 'sidecar' | 'volumes';

/**
 * The other container of a template whose canary is no plain container: an API server accepts a blank image in a template,
 * and a blank image is not judged. So only the canary's image can be refused there.
 */
export const BLANK_IMAGE = ' ';

/** Complies with the strictest profile of PodSecurity, so that only the webhook has a reason to refuse it. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** A container that complies with every profile of PodSecurity. */
export function canaryContainer(name: string, image: string): Fields {
  return { name, image, imagePullPolicy: 'IfNotPresent', securityContext: RESTRICTED };
}

/** A pod spec with the image in one place; `other` is the image of the container that any pod needs. */
export function canaryPodSpec(
  path: PodPath,
  image: string,
  other: string,
  restartPolicy: 'Always' | 'Never',
): Fields {
  const securityContext = { runAsNonRoot: true, seccompProfile: RESTRICTED.seccompProfile };
  const spec = { automountServiceAccountToken: false, restartPolicy, securityContext };
  const canary = canaryContainer('canary', image);
  const companion = canaryContainer('companion', other);
  const mount = { name: 'canary', mountPath: '/canary', readOnly: true };
  const volume = { name: 'canary', image: { reference: image, pullPolicy: 'IfNotPresent' } };
  const places: Readonly<Record<PodPath, Fields>> = {
    containers: { containers: [canary] },
    initContainers: { initContainers: [canary], containers: [companion] },
    sidecar: { initContainers: [{ ...canary, restartPolicy: 'Always' }], containers: [companion] },
    volumes: { volumes: [volume], containers: [{ ...companion, volumeMounts: [mount] }] },
  };
  return { ...spec, ...places[path] };
}

export function canaryField(path: CanaryPath): string {
  if (path === 'volumes') return 'volumes[0].image.reference';
  return `${path === 'sidecar' ? 'initContainers' : path}[0].image`;
}
