// Where images appear in a Kubernetes object: one table of kinds, one loop over every container field.
// Pure: an object as the API server (or a file) gives it goes in, the uses of images come out.
export { changedImages } from './extract-images.ts';
export { extractImages } from './extract-images.ts';
export type { ImageRole, ImageUse } from './extract-images.ts';
export { isKustomization, isWorkload, KUBERNETES_WORKLOADS, scalesIn, workloadTable } from './kinds.ts';
export type { ObjectKind, WorkloadTable } from './kinds.ts';
export { pullSecretsOf } from './pull-logins.ts';
export { replicasOf, scaleReplicas } from './kinds.ts';
export { CANARY_POLICY_DOCUMENT, canariesOf } from './canaries.ts';
export type { Canary, RunningPod } from './canaries.ts';
export { KUBERNETES_KINDS } from './canary-kinds.ts';
export type { CanaryKind } from './canary-kinds.ts';
export { judgeCanaries, NO_POD, readCanary } from './canary-outcome.ts';
export { unansweredCanary, unprovenCanaries, WEBHOOK_NAME } from './canary-outcome.ts';
export type { CanaryOutcome, SelfTestVerdict } from './canary-outcome.ts';
export { RESOURCES } from './resources.ts';
