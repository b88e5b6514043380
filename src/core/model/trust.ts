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
