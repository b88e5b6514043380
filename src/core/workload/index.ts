// Where images appear in a Kubernetes object: one table of kinds, one loop over every container field.
// Pure: an object as the API server (or a file) gives it goes in, the uses of images come out.
export { changedImages, extractImages, type ImageRole, type ImageUse } from './extract-images.ts';
export { isKustomization, isWorkload, KUBERNETES_WORKLOADS, scalesIn, workloadTable } from './kinds.ts';
export { replicasOf, scaleReplicas, type ObjectKind, type WorkloadTable } from './kinds.ts';
export { pullSecretsOf } from './pull-logins.ts';
export { reducedObject } from './reduced-object.ts';
export { parseLargeAnswer, type LargeAnswer } from './large-answer.ts';
export { CANARY_POLICY_DOCUMENT, canariesOf, type Canary, type RunningPod } from './canaries.ts';
export { KUBERNETES_KINDS, type CanaryKind } from './canaries.ts';
export { judgeCanaries, NO_POD, readCanary, unansweredCanary, unprovenCanaries } from './canary-outcome.ts';
export { WEBHOOK_NAME, type CanaryOutcome, type SelfTestVerdict } from './canary-outcome.ts';
export { RESOURCES } from './resources.ts';
