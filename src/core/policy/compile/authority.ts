import type { CertificateIdentity, ClaimName, ImageRef } from '../../model/index.ts';
import type { ProvenSignature, PublicKey, TrustRoot } from '../../model/index.ts';

/** A signer that a policy accepts, under the name that the policy gives it. */
export interface Authority {
  readonly name: string;
  readonly signer: AuthoritySigner;
  /** A log of {@link root} must hold the signature. */
  readonly transparencyLog: boolean;
  /** A timestamp authority of {@link root} must have seen the signature. */
  readonly timestamps: boolean;
  /** What certificates, log entries and timestamps are judged by; absent where none of them is asked for. */
  readonly root?: TrustRoot | undefined;
  /** Where signatures are kept, if not beside the image. */
  readonly repository?: ImageRef | undefined;
}

/** By what an authority is known: a key, or an identity. */
export type AuthoritySigner =
  | { readonly kind: 'key'; readonly key: PublicKey }
  | {
      readonly kind: 'keyless';
      readonly issuer: string;
      readonly isSubject: (subject: string) => boolean;
      readonly claims: readonly (readonly [ClaimName, string])[];
    };

/** Why a proven signature is not one by this authority, as one clause; `undefined` when it is. */
export function objection(authority: Authority, signature: ProvenSignature): string | undefined {
  const { name, transparencyLog, timestamps, root } = authority;
  const other = otherSigner(authority, signature);
  if (other !== undefined) return other;
  if (transparencyLog && !(root && signature.loggedBy.includes(root.fingerprint)))
    return `by ${name}, but in no transparency log of its trust root`;
  if (timestamps && !(root && signature.timestampedBy.includes(root.fingerprint)))
    return `by ${name}, but without a timestamp of its trust root`;
  return undefined;
}

function otherSigner({ signer, root, name }: Authority, { signer: by }: ProvenSignature): string | undefined {
  if (signer.kind === 'key') {
    if (by.kind === 'certificate') return `by ${describeIdentity(by.identity)}, where a key is asked for`;
    return by.fingerprint === signer.key.fingerprint ? undefined : 'made by another key';
  }
  if (by.kind === 'key') return `made by a key, where authority "${name}" signs by certificate`;
  if (by.root === root?.fingerprint) return identityObjection(signer, by.identity);
  return `by ${describeIdentity(by.identity)}, under another trust root`;
}

function identityObjection(
  signer: Extract<AuthoritySigner, { kind: 'keyless' }>,
  identity: CertificateIdentity,
): string | undefined {
  const { issuer, subjects, claims } = identity;
  const who = `by ${describeIdentity(identity)}`;
  if (issuer !== signer.issuer || !subjects.some((subject) => signer.isSubject(subject))) return who;
  const wrong = signer.claims.find(([claim, value]) => claims[claim] !== value)?.[0];
  return wrong === undefined ? undefined : `${who}, whose ${wrong} is ${claims[wrong] ?? 'not said'}`;
}

function describeIdentity({ subjects, issuer }: CertificateIdentity): string {
  return `${subjects.join(', ')} (${issuer})`;
}

/** One name per signer, whatever authorities accept it: two patterns that match one signer are still one. */
export function signerId({ signer }: ProvenSignature): string {
  if (signer.kind === 'key') return signer.fingerprint;
  return JSON.stringify([signer.root, signer.identity.issuer, [...signer.identity.subjects].sort()]);
}

/** The names of authorities for a message, quoted because people chose them: `authority "release" or "ci"`; `''` for none. */
export function nameAuthorities(authorities: readonly Pick<Authority, 'name'>[]): string {
  const names = authorities.map(({ name }) => `"${name}"`);
  return names.length === 0 ? '' : `authority ${names.join(' or ')}`;
}
