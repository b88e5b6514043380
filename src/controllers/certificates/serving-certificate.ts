import { parsePem } from './read.ts';
import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { parsed, problem, type Parsed } from '../../core/model/index.ts';
import type { Pair } from './ports.ts';
import { decodeContents } from './secret.ts';

/** For how long and for whom the certificate in the Secret is good. */
export interface ServingReading {
  readonly notAfter: Date;
  /** DNS names and IP addresses. */
  readonly hosts: readonly string[];
}

/**
 * The pair to serve with, from the data of the Secret (base64 by key). A pair that is missing or does not fit is a problem:
 * a replica that has another pair keeps serving with it.
 */
export function servingCertificate(data: unknown): Parsed<Pair> {
  const { cert, key } = decodeContents(data);
  if (cert === '' || key === '') return problem('tls.crt', 'there is no serving certificate yet');
  const certificate = parsePem(cert);
  if (!certificate) return problem('tls.crt', 'is no certificate in PEM');
  if (!isKeyOf(certificate, key)) return problem('tls.key', 'is not the private key of tls.crt');
  return parsed({ cert, key });
}

/** What the certificate in the Secret says, for readiness and metrics; `undefined` when there is none that can be read. */
export function certificateReading(data: unknown): ServingReading | undefined {
  const certificate = parsePem(decodeContents(data).cert);
  if (!certificate) return undefined;
  const names = (certificate.subjectAltName ?? '').split(', ').filter((name) => name !== '');
  return {
    notAfter: certificate.validToDate,
    hosts: names.map((name) => name.replace(/^(?:DNS|IP Address):/, '')),
  };
}

function isKeyOf(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false; // what cannot be read does not fit
  }
}
