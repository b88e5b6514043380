// Keeps the guard registered: the API server believes what the webhooks serve with, at every moment of every rotation.
// One leader makes authority and certificate and gives them out; every replica reads what it serves with.
export { keepRegistration } from './keep-registration.ts';
export type { RegistrationTasks } from './keep-registration.ts';
export { reconcileRegistration } from './reconcile.ts';
export type { RegistrationOutcome } from './reconcile.ts';
export { certificateReading, servingCertificate } from './serving-certificate.ts';
export type { ServingReading } from './serving-certificate.ts';
export { followPair } from './follow-pair.ts';
export type { Following, FollowOptions } from './follow-pair.ts';
export type {
  CertificateReading,
  Inspection,
  Making,
  Pair,
  RegistrationPorts,
  RegistrationSettings,
  SecretData,
  SecretPort,
  Validity,
  WebhookConfiguration,
  WebhookKind,
  WriteOutcome,
} from './ports.ts';
export { createAuthority, issueServing } from './make.ts';
export type { AuthorityRequest, KeyedCertificate, ServingRequest } from './make.ts';
export { fits, isIssuedBy, readCertificate } from './read.ts';
