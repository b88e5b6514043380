import { digestOf } from '../../../core/model/index.ts';

/** A login for a registry: a name with a password, a refresh token, or a ready-made bearer token. */
export type Login =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity'; readonly token: string }
  | { readonly kind: 'bearer'; readonly token: string };

/**
 * Finds the login for a repository; `undefined` means anonymous. Throws a Fault when a login is configured that cannot be
 * had: going on as nobody would turn a broken setup into "there is no such image".
 */
export type Keychain = (
  place: { readonly registry: string; readonly repository: string },
  signal: AbortSignal,
) => Promise<Login | undefined>;

/** The user name under which credential helpers hand out an identity token instead of a password. */
const TOKEN_USER = '<token>';

/** The login that a user name and a secret stand for. */
export function loginOf(username: string, secret: string): Login {
  return username === TOKEN_USER
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret };
}

/** Names a login without containing it, so that what was fetched for one is never handed to another. */
export function identityOf(login: Login | undefined): string {
  return login === undefined ? 'anonymous' : digestOf(JSON.stringify(login));
}

/** The value of an `Authorization` header for HTTP Basic (RFC 7617). */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
