import { createHmac, timingSafeEqual } from 'node:crypto';
import { Fault, isSecret, type TokenTrust } from '../../core/model/index.ts';
import type { Receiver, VerifyToken } from './ports.ts';

/** What a caller shows. */
export interface Shown {
  readonly body: Uint8Array;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
}

/** The caller; `refused` = not a known one, `unknown` = it could not be found out. `why` is for the log, not for the caller. */
export type Identity =
  | { readonly kind: 'known'; readonly receiver: Receiver }
  | { readonly kind: 'refused' | 'unknown'; readonly why: readonly string[] };

/** Milliseconds for a token to be verified, its issuer's keys fetched where needed: GitHub gives up after ten seconds. */
const VERIFY_MS = 4_000;

interface Answer {
  readonly receiver: Receiver;
  readonly kind: Identity['kind'];
  readonly why: string;
}

/**
 * Finds the receiver whose secret or trust the caller meets. Shared secrets come first. Tokens are verified at all issuers at
 * the same time, so that an issuer whose keys are slow to load delays no other.
 */
export async function authenticate(
  receivers: readonly Receiver[],
  shown: Shown,
  verifyToken: VerifyToken,
): Promise<Identity> {
  const token = bearerOf(shown.headers.get('authorization'));
  const secrets = receivers.flatMap((receiver) => bySecret(receiver, shown, token));
  const known = secrets.find(({ kind }) => kind === 'known');
  if (known) return { kind: 'known', receiver: known.receiver };
  const signal = AbortSignal.timeout(VERIFY_MS);
  const verify = token === undefined ? undefined : (trust: TokenTrust) => verifyToken(token, trust, signal);
  const tokens = receivers.flatMap((receiver) =>
    receiver.auth.kind === 'oidc' ? [byToken(receiver, receiver.auth, verify)] : [],
  );
  const first = await firstKnown(tokens);
  if (first) return { kind: 'known', receiver: first.receiver };
  const all = [...secrets, ...(await Promise.all(tokens))];
  const kind = all.some((answer) => answer.kind === 'unknown') ? 'unknown' : 'refused';
  return { kind, why: all.map(({ receiver, why }) => `${receiver.name}: ${why}`) };
}

/** The token of a bearer header (RFC 6750, section 2.1); the name of the scheme is in any case. */
function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +([\w.~+/=-]+)$/i.exec(header ?? '')?.[1];
}

type SecretAuth = Exclude<Receiver['auth'], { readonly kind: 'oidc' }>;

function bySecret(receiver: Receiver, shown: Shown, token: string | undefined): readonly Answer[] {
  const { auth } = receiver;
  if (auth.kind === 'oidc') return [];
  const what = WHAT[auth.kind];
  const given = shownFor(auth, shown, token);
  const secret = trimmed(auth.secret());
  if (secret.length < MIN_SECRET_LENGTH) return [{ receiver, kind: 'unknown', why: 'secret unusable' }];
  if (given === undefined) return [{ receiver, kind: 'refused', why: `${what} missing` }];
  const isGood =
    auth.kind === 'hmac' ? isSignature(given, shown.body, secret) : isSecret(given, secretOf(auth, secret));
  return [{ receiver, kind: isGood ? 'known' : 'refused', why: isGood ? '' : `${what} wrong` }];
}

const WHAT: Readonly<Record<SecretAuth['kind'], string>> = {
  hmac: 'signature',
  bearer: 'token',
  header: 'secret',
  basic: 'login',
  query: 'secret',
};

/** What the caller shows for this kind of secret. */
function shownFor(
  auth: SecretAuth,
  { headers, query }: Shown,
  token: string | undefined,
): string | undefined {
  if (auth.kind === 'bearer') return token;
  if (auth.kind === 'basic') return loginOf(headers.get('authorization'));
  if (auth.kind !== 'query') return headers.get(auth.header);
  // Of several no one knows which a server in front has checked.
  const [first, ...more] = query.getAll(auth.parameter);
  return more.length > 0 ? undefined : first;
}

function secretOf(auth: SecretAuth, secret: string): string {
  return auth.kind === 'basic' ? `${auth.username}:${secret}` : secret;
}

/** Name and password of a basic header (RFC 7617). */
function loginOf(header: string | undefined): string | undefined {
  const coded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  return coded === undefined ? undefined : Buffer.from(coded, 'base64').toString();
}

async function byToken(
  receiver: Receiver,
  { issuer, audience, subject }: TokenTrust,
  verify: ((trust: TokenTrust) => ReturnType<VerifyToken>) | undefined,
): Promise<Answer> {
  if (!verify) return { receiver, kind: 'refused', why: 'token missing' };
  try {
    const verdict = await verify({ issuer, audience, subject });
    if (verdict.ok) return { receiver, kind: 'known', why: '' };
    return { receiver, kind: 'refused', why: `token ${verdict.why}` };
  } catch (error) {
    if (error instanceof Fault) return { receiver, kind: 'unknown', why: error.message };
    throw error;
  }
}

/** The first that is authenticated, without waiting for the others; `undefined` once all have answered and none is. */
async function firstKnown(answers: readonly Promise<Answer>[]): Promise<Answer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>();
  for (const answer of answers) {
    answer.then((one) => {
      if (one.kind === 'known') resolve(one);
    }, reject);
  }
  void Promise.allSettled(answers).then(() => {
    resolve(undefined);
  });
  return promise;
}

/** The secret without the line break that editors put at the end of a file. */
function trimmed(secret = ''): string {
  return secret.trim();
}

/** Shortest secret in characters: a shorter one can be guessed, and an empty file must authenticate no one. */
const MIN_SECRET_LENGTH = 16;

/** Whether a header holds the HMAC-SHA-256 of just this body, in hex; GitHub writes `sha256=` in front of it. */
function isSignature(shown: string, body: Uint8Array, key: string): boolean {
  const hex = /^(?:sha256=)?([0-9a-f]{64})$/i.exec(shown)?.[1];
  const expected = createHmac('sha256', key).update(body).digest();
  return hex !== undefined && timingSafeEqual(Buffer.from(hex, 'hex'), expected);
}
