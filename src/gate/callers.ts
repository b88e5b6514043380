import { Fault, objectOf, parseShort, textOf, type TokenTrust } from '../core/model/index.ts';
import type { Caller } from './ports.ts';
import type { Tokens } from './tokens.ts';

/** Whose identity tokens are trusted, and what groups they bring. */
export interface TrustedIssuer extends TokenTrust {
  readonly claims: Readonly<Record<string, string>>;
  /** Groups of every caller with such a token. */
  readonly groups: readonly string[];
  /** The claim that lists groups; absent = none does. */
  readonly groupsClaim?: string | undefined;
}

/** What is asked to prove who calls. */
export interface CallerPorts {
  /** Whether anyone may ask without showing who it is. */
  readonly anonymous: boolean;
  readonly issuers: readonly TrustedIssuer[];
  /** The claims of a token that its issuer's keys prove, or why it proves nothing. */
  readonly verifyToken: (
    token: string,
    trust: TokenTrust,
    signal: AbortSignal,
  ) => Promise<
    | { readonly ok: true; readonly claims: Readonly<Record<string, unknown>> }
    | { readonly ok: false; readonly why: string }
  >;
  /** Asks the API server whose token of a service account it is; absent = those are not trusted. */
  readonly reviewToken?:
    | ((
        token: string,
        signal: AbortSignal,
      ) => Promise<{ readonly username: string; readonly groups: readonly string[] } | undefined>)
    | undefined;
  /** Whether a login is passed on to the upstream, which decides. */
  readonly passthrough: boolean;
}

/** Who calls: `none` = nothing was shown, and something has to be. `why` is for the caller, without a word of what was shown. */
export type Identity =
  | { readonly kind: 'known'; readonly caller: Caller }
  | { readonly kind: 'none' }
  | { readonly kind: 'refused' | 'unknown'; readonly why: string };

const ANONYMOUS: Caller = { kind: 'anonymous', name: 'anonymous', groups: [] };
const NAMESPACED = /^system:serviceaccount:([a-z0-9-]{1,63}):[a-z0-9.-]{1,253}$/;
/** Groups of Kubernetes are given by Kubernetes alone. */
const RESERVED = 'system:';

/** Whether callers can prove anything: then they are asked to. */
export function asksForLogins({ issuers, reviewToken, passthrough }: CallerPorts): boolean {
  return issuers.length > 0 || reviewToken !== undefined || passthrough;
}

/** Who asks for a token with a Basic login, or with nothing. */
export async function identifyLogin(
  header: string | undefined,
  ports: CallerPorts,
  signal: AbortSignal,
): Promise<Identity> {
  if (header === undefined) return ports.anonymous ? { kind: 'known', caller: ANONYMOUS } : { kind: 'none' };
  const login = basicOf(header);
  if (!login) return { kind: 'refused', why: 'the login is no Basic login' };
  const proven = isToken(login.password) ? await byToken(login.password, ports, signal) : undefined;
  if (proven && proven.kind !== 'refused') return proven;
  if (ports.passthrough)
    return { kind: 'known', caller: { kind: 'login', name: login.username, groups: [], login } };
  return proven ?? { kind: 'refused', why: 'the password is no identity token' };
}

/** Who sends a request. */
export async function identify(
  header: string | undefined,
  ports: CallerPorts,
  tokens: Tokens,
  signal: AbortSignal,
): Promise<Identity> {
  const bearer = /^bearer +([\w.~+/=-]+)$/i.exec(header ?? '')?.[1];
  if (bearer === undefined) {
    if (header === undefined && asksForLogins(ports)) return { kind: 'none' };
    return identifyLogin(header, ports, signal);
  }
  const caller = tokens.open(bearer);
  if (caller) return { kind: 'known', caller };
  if (isToken(bearer)) return byToken(bearer, ports, signal);
  return { kind: 'refused', why: 'the token is not one of this gate, or is too old' };
}

function basicOf(header: string): { readonly username: string; readonly password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Whether a text has the form of a signed token (RFC 7519). */
function isToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

async function byToken(token: string, ports: CallerPorts, signal: AbortSignal): Promise<Identity> {
  try {
    const caller = await provenBy(token, ports, signal);
    return caller
      ? { kind: 'known', caller }
      : { kind: 'refused', why: 'the identity token is not accepted' };
  } catch (error) {
    if (error instanceof Fault) return { kind: 'unknown', why: 'the identity token could not be verified' };
    throw error;
  }
}

/** The caller of a token of a trusted issuer, or else of a service account. */
async function provenBy(
  token: string,
  { issuers, verifyToken, reviewToken }: CallerPorts,
  signal: AbortSignal,
): Promise<Caller | undefined> {
  const issuer = issuerOf(token);
  const trusted = issuers.filter((one) => one.issuer === issuer);
  for (const trust of trusted) {
    const verdict = await verifyToken(token, trust, signal);
    if (verdict.ok && hasClaims(verdict.claims, trust.claims)) return callerOf(verdict.claims, trust);
  }
  const account = trusted.length > 0 ? undefined : await reviewToken?.(token, signal);
  return account && serviceAccountOf(account);
}

/** The caller, if it is a service account; users of the API server are none of the gate. */
function serviceAccountOf({
  username: name,
  groups,
}: {
  readonly username: string;
  readonly groups: readonly string[];
}): Caller | undefined {
  const namespace = NAMESPACED.exec(name)?.[1];
  return namespace === undefined ? undefined : { kind: 'serviceAccount', name, groups, namespace };
}

/** The issuer that a token claims: which keys to try. */
function issuerOf(token: string): string | undefined {
  const [, payload = ''] = token.split('.');
  return textOf(objectOf(parseShort(Buffer.from(payload, 'base64url'))).iss);
}

function hasClaims(claims: Readonly<Record<string, unknown>>, wanted: TrustedIssuer['claims']): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(claims, name) && claims[name] === value,
  );
}

function callerOf(
  claims: Readonly<Record<string, unknown>>,
  { groups, groupsClaim, issuer }: TrustedIssuer,
): Caller {
  const claimed = groupsClaim !== undefined && Object.hasOwn(claims, groupsClaim) ? claims[groupsClaim] : [];
  const listed = (Array.isArray(claimed) ? claimed : [claimed]).filter((one) => typeof one === 'string');
  const own = listed.filter((group) => !group.startsWith(RESERVED));
  return { kind: 'token', name: `${textOf(claims.sub)} of ${issuer}`, groups: [...groups, ...own] };
}
