// What is required of images: the ImagePolicy resource, compiled; which policies speak of an image; the checks; the
// verdict; the words in which it is told. Pure: evidence comes in as values, nothing here asks the world.
export { API_VERSION, imagePolicySchema } from './schema.ts';
export type { ImagePolicy } from './schema.ts';
export type { PolicyCondition, PolicyStatus } from './schema/status.ts';
export { customResourceDefinition } from './custom-resource.ts';
export type { ResourceKind, SchemaNode } from './custom-resource.ts';
export { referencePage } from './reference-page.ts';
export { authorityIn } from './schema/authorities.ts';
export { artifactType, duration, exactlyOne, rule } from './schema/parts.ts';
export { exceptionSchema } from './schema/requirements.ts';
export { conditionSchema } from './schema/status.ts';
export { parseTime } from './time.ts';
export { compileExceptions } from './compile/requirements.ts';
export type { VulnerabilityException } from './compile/requirements.ts';
export { compileAuthorities } from './compile/authorities.ts';
export type { Authorities } from './compile/authorities.ts';
export { SEVERITIES } from './reports/severity.ts';
export type { Severity } from './reports/severity.ts';
export { DURATION_PATTERN, durationMs } from './duration.ts';
export { compilePolicy, problemsOf } from './compile/compile.ts';
export type { CompiledPolicy } from './compile/compile.ts';
export { brokenPolicy } from './compile/broken.ts';
export type { Given, Material, MaterialRef, TrustRoots } from './compile/authorities.ts';
export type { Authority } from './compile/authority.ts';
export { objection } from './compile/authority.ts';
export { parsePublicKey } from './compile/public-key.ts';
export { imagePolicyCrd } from './crd.ts';
export { imagePolicyReference } from './reference-page.ts';
export type { Labels } from './compile/labels.ts';
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
export { asGate } from './as-gate.ts';
export { decideByName } from './decide-by-name.ts';
export { describePredicate } from './reports/describe.ts';
export type { PredicateDescription } from './reports/describe.ts';
export { judgeVulnerabilities } from './reports/judge.ts';
export type {
  VulnerabilityException as AppliedException,
  VulnerabilityJudgement,
  VulnerabilityRule,
} from './reports/judge.ts';
export { readVulnerabilities } from './reports/read.ts';
export { isUnreadable } from './reports/report.ts';
export type { UnreadableReport, VulnerabilityFinding, VulnerabilityReport } from './reports/report.ts';
export { highest, isAtLeast } from './reports/severity.ts';
export { explainEvidence } from './explain-evidence.ts';
export { codesOf, explainFinding, explainRefusal, explainWarnings, isRefused } from './explain.ts';
