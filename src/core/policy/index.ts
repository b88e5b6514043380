// What is required of images: the ImagePolicy resource, compiled; which policies match an image; the checks; the
// verdict; the words of its messages. Pure: evidence comes in as values, and nothing here reads from outside.
export { API_VERSION, conditionSchema, type PolicyStatus } from './schema.ts';
export { customResourceDefinition, referencePage, imagePolicyCrd } from './crd.ts';
export type { ResourceKind, SchemaNode } from './crd.ts';
export { authorityIn } from './schema/authorities.ts';
export { artifactType, duration, exactlyOne, rule } from './schema/parts.ts';
export { exceptionSchema } from './schema/requirements.ts';
export { parseTime, DURATION_PATTERN, durationMs } from './time.ts';
export { compileExceptions } from './compile/requirements.ts';
export { compileAuthorities } from './compile/authorities.ts';
export type { Given, Material, MaterialRef, TrustRoots } from './compile/authorities.ts';
export { SEVERITIES, highest, type Severity } from './reports/severity.ts';
export { asGate, brokenPolicy, compilePolicy, type CompiledPolicy, type Labels } from './compile/compile.ts';
export { objection, type Authority } from './compile/authority.ts';
export { parsePublicKey } from './compile/public-key.ts';
export { selectPolicies, decide, decideUnmatched, decideUnreadable, decideByName } from './decide.ts';
export type { FolderPolicies, Selection } from './decide.ts';
export { needsAtFirst, needsNext, repositoriesOf, type SignatureNeeds } from './needs.ts';
export { decidingClaim, readLifecycle } from './lifecycle.ts';
export { successorTags } from './lineage.ts';
export { RELEASE_PREDICATE_TYPE } from './quarantine.ts';
export { describePredicate } from './reports/describe.ts';
export { judgeVulnerabilities } from './reports/judge.ts';
export type { VulnerabilityException as AppliedException, VulnerabilityJudgement } from './reports/judge.ts';
export { readVulnerabilities } from './reports/read.ts';
export { isUnreadable, type VulnerabilityFinding, type VulnerabilityReport } from './reports/report.ts';
export { explainEvidence, codesOf, describeFinding, explainFinding, explainRefusal } from './explain.ts';
export { explainWarning, explainWarnings, isRefused, MAX_WARNING } from './explain.ts';
