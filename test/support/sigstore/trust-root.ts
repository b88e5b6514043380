import { createHash } from 'node:crypto';

/** The JSON of a trust root (`trusted_root.json`, v0.1), with the parts the tests change. */
export interface TrustRootJson {
  mediaType: string;
  certificateAuthorities: AuthorityJson[];
  timestampAuthorities: AuthorityJson[];
  tlogs: LogJson[];
  ctlogs: LogJson[];
}

export interface AuthorityJson {
  subject: { organization: string; commonName: string };
  uri: string;
  certChain: { certificates: { rawBytes: string }[] };
  validFor: { start: string; end?: string };
}

export interface LogJson {
  baseUrl: string;
  hashAlgorithm: string;
  publicKey: { rawBytes: string; keyDetails: string; validFor: { start: string; end?: string } };
  logId: { keyId: string };
}

export interface TrustRootParts {
  /** Since when all of it is trusted. */
  readonly from: Date;
  /** Certificates of the authority, DER, the issuing one first. */
  readonly authority?: readonly Uint8Array[];
  readonly timestampAuthority?: readonly Uint8Array[];
  readonly log?: { readonly url: string; readonly key: Uint8Array };
  readonly certificateLog?: Uint8Array;
}

/** Writes a trust root of the given parts; every other list is empty. */
export function trustRootJson(parts: TrustRootParts): TrustRootJson {
  const { from, authority, timestampAuthority, log, certificateLog } = parts;
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    certificateAuthorities: authority ? [authorityJson('https://fulcio.sigstore.test', authority, from)] : [],
    timestampAuthorities: timestampAuthority
      ? [authorityJson('https://tsa.sigstore.test', timestampAuthority, from)]
      : [],
    tlogs: log ? [logJson(log.url, log.key, from)] : [],
    ctlogs: certificateLog ? [logJson('https://ct.sigstore.test', certificateLog, from)] : [],
  };
}

function authorityJson(uri: string, certificates: readonly Uint8Array[], from: Date): AuthorityJson {
  return {
    subject: { organization: 'sigstore.test', commonName: 'test' },
    uri,
    certChain: { certificates: certificates.map((der) => ({ rawBytes: base64(der) })) },
    validFor: { start: from.toISOString() },
  };
}

function logJson(baseUrl: string, key: Uint8Array, from: Date): LogJson {
  return {
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: {
      rawBytes: base64(key),
      keyDetails: 'PKIX_ECDSA_P256_SHA_256',
      validFor: { start: from.toISOString() },
    },
    logId: { keyId: createHash('sha256').update(key).digest('base64') },
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
