// Makes and reads X.509 certificates: an authority of our own, the certificates a server serves with, and what PEM says.
// Knows no word of the domain; the library that makes certificates is loaded when the first one is made.
export { createAuthority, issueServing } from './make.ts';
export type { AuthorityRequest, KeyedCertificate, ServingRequest } from './make.ts';
export { fits, isIssuedBy, readCertificate } from './read.ts';
export type { CertificateReading } from './read.ts';
