// X.509 certificates of the webhook: makes a certificate authority and serving certificates, and reads what PEM says.
// Knows neither clock nor cluster: times are arguments, and nothing is kept.
export { createAuthority, issueServing } from './make.ts';
export type { AuthorityRequest, KeyedCertificate, ServingRequest, Validity } from './make.ts';
export { coversHost, fits, isIssuedBy, readCertificates } from './read.ts';
export type { CertificateFacts } from './read.ts';
