import {
  digestOf,
  type CertificateIdentity,
  type ProvenSignature,
  type Signature,
  type SignedClaim,
  type StatementClaim,
} from '../../../src/core/model/index.ts';
import type { WrittenSpec } from '../../support/policies.ts';

export const ISSUER = 'https://issuer.example.com';
export const SUBJECT = 'release@acme.example';
/** The fingerprint of the root that policies use if they name none. */
export const PUBLIC_GOOD = 'public-good';

const SIGNATURE: SignedClaim = { kind: 'signature', annotations: {} };

/** A signature by certificate, by default of {@link SUBJECT}, logged. */
export function certified(
  identity: Partial<CertificateIdentity> = {},
  more: Partial<ProvenSignature> & { readonly root?: string } = {},
): ProvenSignature {
  const { root = PUBLIC_GOOD, ...rest } = more;
  const who = { issuer: ISSUER, subjects: [SUBJECT], claims: {}, ...identity };
  return {
    state: 'proven',
    digest: digestOf(JSON.stringify(who)),
    signer: { kind: 'certificate', root, identity: who },
    loggedBy: [root],
    timestampedBy: [],
    says: SIGNATURE,
    ...rest,
  };
}

/** A keyless authority as a person writes it; `rest` is beside `keyless`. */
export function keylessAuthority(
  name: string,
  identity: WrittenSpec = {},
  rest: WrittenSpec = {},
): WrittenSpec {
  const subject = 'subjectPattern' in identity ? {} : { subject: SUBJECT };
  return { name, keyless: { issuer: ISSUER, ...subject, ...identity }, ...rest };
}

export function statementOf(predicateType: string, predicate: unknown = {}): StatementClaim {
  return { kind: 'statement', predicateType, predicate };
}

export function unsignedOf(says: StatementClaim): Extract<Signature, { state: 'unsigned' }> {
  return { state: 'unsigned', digest: digestOf(JSON.stringify(says)), says };
}

export const TRIVY = 'application/vnd.aquasecurity.trivy.report+json';

/** A Trivy report without wrapper; `scannedAt` absent = it has no time. */
export function reportOf(
  scannedAt: string | undefined,
  findings: readonly (readonly [id: string, severity: string, fixed?: string])[] = [],
): StatementClaim {
  const Vulnerabilities = findings.map(([VulnerabilityID, Severity, FixedVersion = '']) => ({
    VulnerabilityID,
    Severity,
    FixedVersion,
  }));
  return statementOf(TRIVY, {
    SchemaVersion: 2,
    ...(scannedAt !== undefined && { CreatedAt: scannedAt }),
    Results: [{ Vulnerabilities }],
  });
}
