import { decodeJwt, errors, jwtVerify } from 'jose';
import type { Clock } from '../../core/model/index.ts';
import { createKeySets, type Fetch, type Held } from './key-sets.ts';

/** Whose tokens are taken; each is compared as a whole. */
export interface TokenTrust {
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
}

type WhyNot = 'malformed' | 'algorithm' | 'key' | 'signature' | WrongClaim;
type WrongClaim = 'issuer' | 'audience' | 'subject' | 'lifetime' | 'expired';

export type TokenVerdict = { readonly ok: true } | { readonly ok: false; readonly why: WhyNot };

export interface TokenVerifierOptions {
  readonly clock: Clock;
  /** That of the process when absent. */
  readonly fetch?: Fetch;
}

/** Those that issuers sign with by a private key. None with a shared secret: the public key could be taken for one. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];
/** Seconds that two clocks may differ. */
const CLOCK_TOLERANCE_S = 30;
/** Longest token in characters: Node takes headers of 16 KiB in all. */
const MAX_TOKEN_LENGTH = 16 * 1024;

/**
 * Verifies identity tokens: signature, algorithm, issuer, audience, subject and lifetime. Throws a `Fault` `IssuerUnavailable`
 * when the keys cannot be had, or not before the signal fires. A token that names another issuer costs no request.
 */
export function createTokenVerifier({
  clock,
  fetch = globalThis.fetch,
}: TokenVerifierOptions): (token: string, trust: TokenTrust, signal: AbortSignal) => Promise<TokenVerdict> {
  const keySets = createKeySets(fetch, clock);

  return async (token, trust, signal) => {
    const issuer = issuerOf(token);
    if (issuer === undefined) return no('malformed');
    // The signature over these very bytes is verified below.
    if (issuer !== trust.issuer) return no('issuer');
    const held = await keySets.of(issuer, signal);
    const verdict = await verify(token, trust, held);
    if (verdict.ok || verdict.why !== 'key') return verdict;
    const newer = await keySets.newer(issuer, held, signal);
    return newer ? verify(token, trust, newer) : verdict;
  };

  async function verify(token: string, trust: TokenTrust, { keys }: Held): Promise<TokenVerdict> {
    const { audience, subject } = trust;
    const required = { algorithms: ALGORITHMS, audience, subject, requiredClaims: ['exp'] };
    try {
      await jwtVerify(token, keys, {
        ...required,
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: clock(),
      });
      return { ok: true };
    } catch (error) {
      return no(whyNot(error));
    }
  }
}

function no(why: WhyNot): TokenVerdict {
  return { ok: false, why };
}

/** The issuer that a token claims, not yet verified; empty when it claims none. `undefined` = this is no token. */
function issuerOf(token: string): string | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  try {
    return decodeJwt(token).iss ?? '';
  } catch {
    return undefined;
  }
}

const CLAIMS: Readonly<Record<string, WhyNot>> = { aud: 'audience', sub: 'subject' };

const CODES: Readonly<Record<string, WhyNot>> = {
  [errors.JWTExpired.code]: 'expired',
  [errors.JWSSignatureVerificationFailed.code]: 'signature',
  [errors.JOSEAlgNotAllowed.code]: 'algorithm',
  [errors.JOSENotSupported.code]: 'algorithm',
  [errors.JWSInvalid.code]: 'malformed',
  [errors.JWTInvalid.code]: 'malformed',
};

/** Whatever it was, the token proves nothing. What jose has no code for is a key that cannot be used. */
function whyNot(error: unknown): WhyNot {
  if (error instanceof errors.JWTClaimValidationFailed) return CLAIMS[error.claim] ?? 'lifetime';
  return error instanceof errors.JOSEError ? (CODES[error.code] ?? 'key') : 'key';
}
