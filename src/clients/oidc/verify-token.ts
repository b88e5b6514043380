import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose';
import * as z from 'zod';
import {
  errorCode,
  Fault,
  parseShort,
  type Clock,
  type TokenTrust,
  type TokenVerdict,
} from '../../core/model/index.ts';
import { createFetch, createReach, Unreachable, type Fetch, type ReachOptions } from '../http/index.ts';
import { readAtMost, unlessAborted } from '../io/index.ts';

type WhyNot = 'malformed' | 'algorithm' | 'key' | 'signature' | WrongClaim;
type WrongClaim = 'issuer' | 'audience' | 'subject' | 'lifetime' | 'expired';

type Verdict =
  | (Extract<TokenVerdict, { ok: true }> & { readonly claims: Readonly<Record<string, unknown>> })
  | { readonly ok: false; readonly why: WhyNot };

interface TokenVerifierOptions {
  readonly clock: Clock;
  /** Handed in where an issuer's certificate is of an authority of one's own. */
  readonly fetch?: Fetch;
  /** Where the keys of an issuer may be; absent = by the rules that need no settings. */
  readonly reach?: Omit<ReachOptions, 'now'>;
}

type VerifyToken = (token: string, trust: TokenTrust, signal: AbortSignal) => Promise<Verdict>;

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
export function createTokenVerifier({ clock, reach, ...given }: TokenVerifierOptions): VerifyToken {
  const { fetch = createFetch(createReach({ ...reach, now: clock })) } = given;
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

  async function verify(token: string, trust: TokenTrust, { keys }: Held): Promise<Verdict> {
    const { audience, subject } = trust;
    const required = {
      ...{ algorithms: ALGORITHMS, audience, requiredClaims: ['exp'] },
      ...(subject !== undefined && { subject }),
    };
    try {
      const how = { ...required, clockTolerance: CLOCK_TOLERANCE_S, currentDate: clock() };
      const { payload: claims } = await jwtVerify(token, keys, how);
      return { ok: true, claims };
    } catch (error) {
      return no(whyNot(error));
    }
  }
}

function no(why: WhyNot): Verdict {
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

/** Milliseconds that keys are trusted: a key that its issuer withdraws is accepted for no longer. */
const KEYS_MS = 10 * 60_000;
/** Milliseconds between two requests for the keys of one issuer, when tokens name one that is not there: any sender can name such a key. */
const COOL_DOWN_MS = 30_000;
/** Milliseconds after a failure during which an issuer is not asked again. */
const FAILURE_MS = 2_000;
/** Milliseconds for both documents of an issuer: less than a caller waits. */
const FETCH_MS = 3_000;
/** Most callers that wait for one issuer; each of them holds a request open. */
const MAX_WAITING = 256;

/** The keys of an issuer, and the moment they were asked for, in milliseconds since 1970. */
interface Held {
  readonly keys: KeySet;
  readonly at: number;
}

/** The keys of issuers. Both throw a `Fault` when they cannot be had, or not before the signal fires. */
interface KeySets {
  /** The ones that are remembered, or fresh ones. */
  of(issuer: string, signal: AbortSignal): Promise<Held>;
  /** Fresh ones because `held` does not do; `undefined` when it is too early to ask again. */
  newer(issuer: string, held: Held, signal: AbortSignal): Promise<Held | undefined>;
}

interface Entry {
  held?: Held;
  failure?: { readonly error: unknown; readonly at: number };
  loading?: Promise<Held>;
  waiting: number;
}

/** Remembers keys, one set for each issuer that was ever asked for; those stand in settings. */
function createKeySets(fetch: Fetch, clock: Clock): KeySets {
  const entries = new Map<string, Entry>();

  /** Within so many milliseconds; a clock that was set back makes nothing last. */
  const within = (at: number, ms: number): boolean => {
    const age = clock().getTime() - at;
    return age >= 0 && age < ms;
  };
  const entryOf = (issuer: string): Entry => {
    const entry = entries.get(issuer) ?? { waiting: 0 };
    entries.set(issuer, entry);
    return entry;
  };
  const load = async (issuer: string, entry: Entry): Promise<Held> => {
    const at = clock().getTime();
    try {
      // Its own time, not that of the caller who happens to be first.
      const keys = await discoverKeys({ fetch, issuer, signal: AbortSignal.timeout(FETCH_MS) });
      entry.held = { keys, at };
      return entry.held;
    } catch (error) {
      entry.failure = { error, at: clock().getTime() };
      throw error;
    } finally {
      delete entry.loading;
    }
  };
  const fresh = async (issuer: string, entry: Entry, signal: AbortSignal): Promise<Held> => {
    if (entry.failure && within(entry.failure.at, FAILURE_MS)) throw entry.failure.error;
    if (entry.waiting >= MAX_WAITING) throw fault(issuer, 'too many callers wait for them already');
    entry.waiting += 1;
    entry.loading ??= load(issuer, entry);
    try {
      return await unlessAborted(entry.loading, signal, () => fault(issuer, 'they did not come in time'));
    } finally {
      entry.waiting -= 1;
    }
  };

  return {
    of: async (issuer, signal) => {
      const entry = entryOf(issuer);
      const { held } = entry;
      return held && within(held.at, KEYS_MS) ? held : fresh(issuer, entry, signal);
    },
    newer: async (issuer, held, signal) => {
      const entry = entryOf(issuer);
      // Another caller has fetched them meanwhile.
      if (entry.held && entry.held.at > held.at) return entry.held;
      return within(held.at, COOL_DOWN_MS) ? undefined : fresh(issuer, entry, signal);
    },
  };
}

/** OpenID Connect Discovery 1.0, section 3. */
const configuration = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** More keys than any issuer has while it changes them. */
const MAX_KEYS = 64;
/** RFC 7517, section 5. What is in a key is for jose to read, when one is used. */
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });

type KeySet = ReturnType<typeof createLocalJWKSet>;

/** Reads the keys of an issuer: its configuration first, which names their address. Throws a `Fault`. */
async function discoverKeys(reading: Reading): Promise<KeySet> {
  const { issuer } = reading;
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const found = configuration.safeParse(await readJson(reading, address)).data;
  if (found === undefined) throw fault(issuer, 'its configuration does not say where its keys are');
  // Section 4.3: else one issuer could speak for another.
  if (found.issuer !== issuer) throw fault(issuer, 'its configuration is that of another issuer');
  // Over plain http anyone on the network path could act as the issuer; its own origin is as safe as the issuer is.
  const place = new URL(found.jwks_uri);
  if (place.protocol !== 'https:' && place.origin !== new URL(issuer).origin)
    throw fault(issuer, 'its keys are at a place that is not https');
  const keys = keySet.safeParse(await readJson(reading, found.jwks_uri)).data;
  if (keys === undefined) throw fault(issuer, 'its keys cannot be read');
  return createLocalJWKSet(keys);
}

type Reading = Readonly<{ fetch: Fetch; issuer: string; signal: AbortSignal }>;

/** Largest document in bytes: a set of ten RSA keys with their certificates has some 40,000. */
const MAX_DOCUMENT_BYTES = 256 * 1024;

/**
 * Reads a document of an issuer as JSON. Nothing else than 200 is an answer, and it is not asked for elsewhere: a redirect would
 * let the owner of any page of the issuer choose the keys. Throws a `Fault`.
 */
async function readJson({ fetch, issuer, signal }: Reading, url: string): Promise<unknown> {
  const path = new URL(url).pathname;
  try {
    const headers = { accept: 'application/json' };
    const asked = { headers, redirect: 'error', credentials: 'omit', signal } as const;
    const answer = await fetch(url, asked, issuer);
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw fault(issuer, `${path} answered ${answer.status}`);
    }
    // Counted as it comes out, so that a small packed answer cannot unpack to anything.
    const bytes = await readAtMost(answer.body ?? new Blob([]).stream(), MAX_DOCUMENT_BYTES);
    if (bytes === undefined) throw fault(issuer, `${path} is longer than ${MAX_DOCUMENT_BYTES} bytes`);
    return parseShort(bytes);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw fault(issuer, `${path} ${whyUnread(error, signal)}`, error);
  }
}

function whyUnread(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'did not come in time';
  if (error instanceof Unreachable) return `is not fetched: ${error.message}`;
  const code = errorCode(error instanceof Error ? error.cause : undefined);
  return `could not be fetched${code && ` (${code})`}`;
}

/** The Fault for keys that cannot be had. `detail` is one clause; an issuer's own words are no part of it. */
function fault(issuer: string, detail: string, cause?: unknown): Fault {
  const operation = `read the keys of ${issuer}`;
  return new Fault({ code: 'IssuerUnavailable', operation, side: 'trust', transient: true, detail, cause });
}
