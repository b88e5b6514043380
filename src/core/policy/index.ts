// What is required of images: the ImagePolicy resource, compiled; which policies match an image; the checks; the
// verdict; the words of its messages. Pure: evidence comes in as values, and nothing here reads from outside.
export { API_VERSION, conditionSchema, type PolicyStatus } from './schema.ts';
export { customResourceDefinition, TWO_FORMS, referencePage, imagePolicyCrd } from './crd.ts';
export type { ResourceKind, SchemaNode } from './crd.ts';
export { authorityIn } from './schema/authorities.ts';
export { artifactType, duration, exactlyOne, rule } from './schema/parts.ts';
export { exceptionSchema, unjudgedFields } from './schema/requirements.ts';
export { parseTime, DURATION_PATTERN, durationMs } from './time.ts';
export { compileExceptions, compileGlobs } from './compile/requirements.ts';
export { compileAuthorities } from './compile/authorities.ts';
export type { Given, Material, MaterialRef, TrustRoots } from './compile/authorities.ts';
export { SEVERITIES, describeSeverity, highest } from './reports/severity.ts';
export type { Severity } from './reports/severity.ts';
export { asGate, brokenPolicy, compileNamespaceSelector, compilePolicy } from './compile/compile.ts';
export type { CompiledPolicy, Labels } from './compile/compile.ts';
export { objection, type Authority } from './compile/authority.ts';
export { parsePublicKey } from './compile/public-key.ts';
export {
  policiesAt,
  selectPolicies,
  decide,
  decideUnmatched,
  decideUnreadable,
  decideByName,
} from './decide.ts';
export type { FolderPolicies, Selection } from './decide.ts';
export {
  annotationsOf,
  needsAtFirst,
  needsNext,
  repositoriesOf,
  USUAL_KEYS,
  type SignatureNeeds,
} from './needs.ts';
export { decidingClaim, LIFECYCLE_TYPES, readLifecycle } from './checks/past-end-of-life.ts';
export { successorTags } from './lineage.ts';
export { RELEASE_PREDICATE_TYPE } from './checks/quarantined.ts';
export { createConditionAnswers, withoutLargePredicates, type ConditionJob } from './large.ts';
export { conditionsOf, foundIn, holdsFor, imageOf } from './checks/unattested.ts';
export { MAX_WORK_HERE } from './cel/limits.ts';
export { describePredicate, isOfType } from './reports/describe.ts';
export { describeUnexamined, judgeVulnerabilities } from './reports/judge.ts';
export type { VulnerabilityException as AppliedException, VulnerabilityJudgement } from './reports/judge.ts';
export { readVulnerabilities } from './reports/read.ts';
export { foreignSystem, isUnreadable, mergeFindings } from './reports/report.ts';
export type { VulnerabilityFinding, VulnerabilityReport } from './reports/report.ts';
export { explainEvidence, codesOf, describeFinding, explainFinding, explainRefusal } from './explain.ts';
export { explainWarning, explainWarnings, isRefused, MAX_WARNING } from './explain.ts';
