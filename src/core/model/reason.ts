/**
 * Every reason Pratique gives, one sentence each. The code is the same in the admission message, the condition, the
 * event, the metric label and the log line. Sentences may change in a patch release; codes may not.
 */
export const REASONS = {
  // The evidence says no.
  Unsigned: 'No signature that the policy accepts was found.',
  AttestationMissing: 'No attestation of a demanded kind by an accepted signer was found.',
  AttestationTooOld: 'The attestation is older than the policy allows, or says no time.',
  AttestationRejected: 'The content of an attestation does not meet a condition of the policy.',
  ReportMissing: 'No vulnerability report that the policy accepts was found.',
  ReportTooOld: 'The vulnerability report is older than the policy allows, or says no time.',
  Vulnerable: 'The vulnerability report lists findings that the policy does not accept.',
  Quarantined: 'The image is flagged as quarantined and no accepted signer has released it.',
  PastEndOfLife: 'The end of life that the image claims has passed.',
  PastEndOfSupport: 'The end of support that the image claims has passed.',
  LifecycleMissing: 'The policy demands a lifecycle date and the image claims none.',
  NotPinned: 'The policy demands a digest and the reference has none.',
  InvalidReference: 'The image reference is not valid.',
  ImageNotFound: 'The registry has no such image, or does not show it to this login.',
  AmbiguousIndex: 'Runtimes would read the index in different ways, so that no one knows which image runs.',
  // Worth a warning.
  EndOfLifeNear: 'The end of life that the image claims is near.',
  UnmatchedImage: 'No policy covers the image.',
  TagMayDiffer: 'The reference has a tag only, and a node that has another image under it may run that one.',
  // A promotion says no, or has nothing to do.
  TagExists: 'The tag exists at the target with another digest, and the promotion does not replace it.',
  TargetMoved: 'The tag at the target was moved by another writer while the image was copied.',
  SourceShared: 'Other tags still point to this digest at the source, so it is not deleted.',
  ForeignLayers:
    'Layers of the image lie outside of its registry, and the promotion refuses or cannot bring them.',
  PlatformMissing: 'The image lacks a platform that the promotion keeps.',
  MirroredBefore: 'This digest was mirrored before and is gone since; it is pulled in again only if forced.',
  SbomMissing: 'A platform has no SBOM that could be scanned.',
  NotPromotedYet:
    'The image is not there yet: a promotion that brings it was asked for a run, has one, or waits.',
  ApprovalNeeded: 'A person has to approve this digest before it is promoted.',
  ApprovalDenied: 'A person denied this digest.',
  ApprovalUnfit: 'An approval names this run and does not count for any image that waits in it.',
  GateWeakened: 'A promotion was changed so that a gate is weaker, or leads to another place.',
  ExceptionExpired: 'An exception that let this image pass has expired.',
  CopyIncomplete: 'Less arrived at the target than was found at the source.',
  NotGranted: 'The settings do not let this namespace use the login of the installation for that.',
  InsecureNotAllowed: 'Plain http is spoken only with registries that the settings name.',
  // Could not find out.
  RegistryUnavailable: 'The registry could not be reached or failed.',
  RegistryDenied: 'The registry refused the login, or needs one.',
  RegistryRateLimited: 'The registry asks to slow down.',
  RegistryMisbehaved: 'The registry answered something that cannot be right.',
  UntrustedEndpoint: 'The registry pointed to a place that credentials or requests must not go to.',
  AddressRefused: 'The registry is at an address that requests must not go to.',
  LimitExceeded: 'There is more of it than Pratique is willing to read.',
  DeadlineExceeded: 'The time for this decision ran out.',
  UnreadableDate: 'A lifecycle date could not be read.',
  UnreadableEvidence: 'Something that should be evidence could not be read.',
  NamespaceUnknown: 'The labels of the namespace could not be learned.',
  PolicyBroken: 'A policy that covers the image could not be compiled.',
  PullSecretUnreadable: 'A pull secret that the object names could not be read.',
  ParentUnknown: 'The object that is to be scaled could not be read.',
  ScannerFailed: 'The scanner is missing, failed, hung or printed what cannot be read.',
  ScanIncomplete: 'The scanner could not examine the image, or not all of it.',
  ScannerDatabaseOld: 'The database of the scanner is older than allowed, or says no age.',
  SigningFailed: 'What had to be signed could not be signed.',
  SecretUnreadable: 'A Secret that the object names is missing or cannot be used.',
  IssuerUnavailable: 'The issuer of an identity token could not be reached, or its keys could not be read.',
  JobFailed: 'Jobs that were to carry out the run ended before it did.',
  Cancelled: 'The run ended before it was done: its object was deleted, suspended or taken over.',
  ClusterUnavailable: 'The API server could not be reached or failed.',
  ClusterDenied: 'The API server refused the login or forbids it.',
  // The request itself.
  InvalidRequest: 'The admission request could not be understood.',
  RequestTooLarge: 'The admission request is too large.',
  InvalidPromotion: 'The promotion cannot be carried out as it is written.',
  InternalError: 'Pratique failed; this is a bug.',
} as const;

/** A code from {@link REASONS}. */
export type ReasonCode = keyof typeof REASONS;

/** A reason with what was seen: `detail` is one clause for a person, without secrets. */
export interface Reason {
  readonly code: ReasonCode;
  readonly detail: string;
}
