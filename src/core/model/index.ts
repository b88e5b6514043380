// The words of the domain: digests, references, manifests, facts, evidence, verdicts, reasons, faults.
// Pure values and the functions that read and write them; imports nothing from `src/`.
export { digestAlgorithm, digestHex, digestOf, fallbackTag, matchesDigest, parseDigest } from './digest.ts';
export type { Digest, DigestAlgorithm } from './digest.ts';
export {
  folderOf,
  formatReference,
  isFolder,
  isPinned,
  isTag,
  nameOf,
  parsePlace,
  parseReference,
  parseRepository,
  pin,
} from './reference.ts';
export type { ImageRef, PinnedRef } from './reference.ts';
export {
  ARTIFACT_MANIFESTS,
  isImageConfigType,
  isIndexType,
  isManifestType,
  MEDIA_TYPE,
} from './descriptor.ts';
export type { AnnotationKeys, Annotations, Descriptor, Platform } from './descriptor.ts';
export { artifactTypeOf, MAX_MANIFEST_BYTES, parseManifest } from './manifest.ts';
export type { Listing } from './listing.ts';
export { REGISTRY_JOBS, type Extension } from './extension.ts';
export type { Manifest, ManifestContent } from './manifest.ts';
export type { Reason, ReasonCode } from './reason.ts';
export { unknown, type Fact, type Unknown } from './fact.ts';
export { errorCode, explainFailure, Fault, type JobOutcome } from './fault.ts';
export {
  definedFields,
  excessOfJson,
  isObject,
  listOf,
  MAX_JSON_VALUES,
  objectOf,
  ownField,
  parseCounted,
  parseShort,
  parseJson,
  textOf,
} from './json.ts';
export { errorFields, type Gauge, type Log } from './log.ts';
export { microTime, rfc3339, type After, type Clock, type Time } from './time.ts';
export { firstOwner, ownerName, sharedTurn, turnOf } from './turn.ts';
export type { Owner, SharedTurn, Turn } from './turn.ts';
export { CLAIM_NAMES } from './trust.ts';
export type { CertificateIdentity, ClaimName, KeyKind, PublicKey, Signer, TokenTrust } from './trust.ts';
export type { TokenVerdict, Trust, TrustRoot } from './trust.ts';
export type {
  BundleCandidate,
  ChildEvidence,
  ConditionOutcome,
  ImageContents,
  EnvelopeCandidate,
  IndexEvidence,
  Evidence,
} from './evidence.ts';
export type { PlainCandidate, ProvenSignature, Referrer, Signature, SignatureCandidate } from './evidence.ts';
export type { SignedClaim, SimpleSigningCandidate, StatementClaim, Successor, Unread } from './evidence.ts';
export type { Enforcement, Finding, JudgedFinding, JudgedImage, NamedImage, Verdict } from './verdict.ts';
export { describeProblems, failed, inFile, parsed, parseWith, problem } from './problem.ts';
export type { Parsed, Problem } from './problem.ts';
export { cutBytes, cutText, hidePathSecrets, isPathSecret, isSecret, oneLine } from './text.ts';
export { conditionOf, type Condition, type ConditionContent } from './condition.ts';
