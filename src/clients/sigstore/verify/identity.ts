import { X509Certificate, type ASN1Obj } from '@sigstore/core';
import { CLAIM_NAMES, type CertificateIdentity, type ClaimName } from '../../../core/model/index.ts';

/** Fulcio's arc of object identifiers (Fulcio OID registry). */
const FULCIO = '1.3.6.1.4.1.57264.1';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
/** Names of users that are neither URI nor e-mail address. */
const OTHER_NAME = `${FULCIO}.7`;
/** The issuer as raw bytes, as the first Fulcio wrote it; and as a UTF8String, which wins. */
const ISSUER_RAW = `${FULCIO}.1`;
const ISSUER = `${FULCIO}.8`;

const CLAIMS: Readonly<Record<ClaimName, string>> = {
  buildSignerURI: `${FULCIO}.9`,
  buildSignerDigest: `${FULCIO}.10`,
  runnerEnvironment: `${FULCIO}.11`,
  sourceRepository: `${FULCIO}.12`,
  sourceRepositoryDigest: `${FULCIO}.13`,
  sourceRepositoryRef: `${FULCIO}.14`,
  sourceRepositoryIdentifier: `${FULCIO}.15`,
  sourceRepositoryOwner: `${FULCIO}.16`,
  buildConfigURI: `${FULCIO}.18`,
  buildTrigger: `${FULCIO}.20`,
  runInvocationURI: `${FULCIO}.21`,
};

/** Tags of general names (RFC 5280, section 4.2.1.6). */
const GENERAL_NAME = { other: 0, email: 1, uri: 6 } as const;
const UTF8_STRING = 0x0c;

/** Who the certificate names: all names, not only the first as in the library. Missing parts are empty. */
export function readIdentity(der: Buffer): CertificateIdentity {
  const certificate = X509Certificate.parse(Buffer.from(der));
  const text = (oid: string) => utf8String(certificate.extension(oid)?.valueObj.subs[0]);
  const claims = CLAIM_NAMES.flatMap((name) => {
    const value = text(CLAIMS[name]);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    // The raw form is for certificates that lack the other, not for those in which it cannot be read.
    issuer: certificate.extension(ISSUER)
      ? (text(ISSUER) ?? '')
      : (certificate.extension(ISSUER_RAW)?.value.toString() ?? ''),
    subjects: (certificate.extension(SUBJECT_ALTERNATIVE_NAME)?.valueObj.subs[0]?.subs ?? []).flatMap(nameIn),
    claims: Object.fromEntries(claims),
  };
}

function nameIn(name: ASN1Obj): readonly string[] {
  const is = (tag: number) => name.tag.isContextSpecific(tag);
  if (is(GENERAL_NAME.email) || is(GENERAL_NAME.uri)) return [name.value.toString()];
  if (!is(GENERAL_NAME.other) || name.subs[0]?.toOID() !== OTHER_NAME) return [];
  const value = utf8String(name.subs[1]?.subs[0]);
  return value === undefined ? [] : [value];
}

function utf8String(value: ASN1Obj | undefined): string | undefined {
  return value?.tag.isUniversal() === true && value.tag.number === UTF8_STRING
    ? value.value.toString()
    : undefined;
}
