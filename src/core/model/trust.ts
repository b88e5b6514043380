/** Whose identity tokens (OpenID Connect) are accepted; each field is compared as a whole. */
export interface TokenTrust {
  readonly issuer: string;
  readonly audience: string;
  /** Absent = any. */
  readonly subject?: string | undefined;
}

/** The result of verifying a token: it is trusted, or one word for the log why it is not. */
export type TokenVerdict = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** How a public key signs: what the verifier has to know besides the key itself. */
export type KeyKind = 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa' | 'ed25519';

/** A public key that a policy trusts. */
export interface PublicKey {
  readonly kind: KeyKind;
  /** SubjectPublicKeyInfo, PEM. */
  readonly pem: string;
  /** SHA-256 of the DER SubjectPublicKeyInfo, lower-case hex: the key's name in facts, memory and logs. */
  readonly fingerprint: string;
}

/**
 * A Sigstore trust root (`trusted_root.json`) that was read and accepted: certificate authorities, transparency logs,
 * certificate logs and timestamp authorities, each with the time it is valid for.
 */
export interface TrustRoot {
  /** SHA-256 of the JSON, lower-case hex: the root's name in facts, memory and logs. */
  readonly fingerprint: string;
  readonly json: string;
}

/** Everything signatures are tried against: the keys and the trust roots that the policies asked name. */
export interface Trust {
  readonly keys: readonly PublicKey[];
  readonly roots: readonly TrustRoot[];
}

/** Fulcio's claims about a signer that policies can ask for, by the name policies use (Fulcio OID registry, 1.3.6.1.4.1.57264.1). */
export const CLAIM_NAMES = [
  'buildSignerURI',
  'buildSignerDigest',
  'runnerEnvironment',
  'sourceRepository',
  'sourceRepositoryDigest',
  'sourceRepositoryRef',
  'sourceRepositoryIdentifier',
  'sourceRepositoryOwner',
  'sourceRepositoryOwnerIdentifier',
  'buildConfigURI',
  'buildConfigDigest',
  'buildTrigger',
  'runInvocationURI',
  'sourceRepositoryVisibilityAtSigning',
] as const;

/** A name from {@link CLAIM_NAMES}. */
export type ClaimName = (typeof CLAIM_NAMES)[number];

/** Who a certificate says the signer is, as a trusted authority vouched for it. */
export interface CertificateIdentity {
  /** The OpenID issuer, e.g. `https://token.actions.githubusercontent.com`. */
  readonly issuer: string;
  /** Every subject alternative name: URIs, e-mail addresses, other names. */
  readonly subjects: readonly string[];
  readonly claims: Readonly<Partial<Record<ClaimName, string>>>;
}

/** Who made a signature, proven by mathematics: the key itself, or a certificate under a trust root. */
export type Signer =
  | { readonly kind: 'key'; /** {@link PublicKey.fingerprint} */ readonly fingerprint: string }
  | {
      readonly kind: 'certificate';
      /** {@link TrustRoot.fingerprint} of the root that vouches for it. */
      readonly root: string;
      readonly identity: CertificateIdentity;
    };
