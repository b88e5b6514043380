// What is required of images: the ImagePolicy resource, compiled; which policies speak of an image; the checks; the
// verdict; the words in which it is told. Pure: evidence comes in as values, nothing here asks the world.
export { API_VERSION, imagePolicySchema } from './schema.ts';
export type { ImagePolicy } from './schema.ts';
export type { PolicyCondition, PolicyStatus } from './schema/status.ts';
export { DURATION_PATTERN, durationMs } from './duration.ts';
export { compilePolicy, problemsOf } from './compile.ts';
export type { CompiledPolicy } from './compile.ts';
export { brokenPolicy } from './compile-broken.ts';
export type { Given, Material, MaterialRef, TrustRoots } from './compile-authorities.ts';
export type { Authority } from './authority.ts';
export { objection } from './authority.ts';
export { parsePublicKey } from './public-key.ts';
export { imagePolicyCrd } from './crd.ts';
export { imagePolicyReference } from './reference-page.ts';
export type { Labels } from './labels.ts';
export { selectPolicies } from './select.ts';
export type { Selection } from './select.ts';
export { needsAtFirst, needsNext, repositoriesOf } from './needs.ts';
export type { Needs, SignatureNeeds } from './needs.ts';
export { decidingClaim, isPast, readLifecycle } from './lifecycle.ts';
export type { LifecycleClaim, LifecycleReading } from './lifecycle.ts';
export { successorTags } from './lineage.ts';
export type { LifecycleKind } from './lifecycle.ts';
export { RELEASE_PREDICATE_TYPE } from './quarantine.ts';
export { decide, decideUnmatched, decideUnreadable } from './decide.ts';
export type { Case } from './decide.ts';
export { explainEvidence } from './explain-evidence.ts';
export { codesOf, explainFinding, explainRefusal, explainWarnings, isRefused } from './explain.ts';
