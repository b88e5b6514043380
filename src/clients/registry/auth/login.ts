import type { RegistryLogin } from '../../../core/evidence/index.ts';
import { digestOf } from '../../../core/model/index.ts';

/** The user name under which credential helpers hand out an identity token instead of a password. */
const TOKEN_USER = '<token>';

/** The login made of a user name and a secret. */
export function loginOf(username: string, secret: string): RegistryLogin {
  return username === TOKEN_USER
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret };
}

/** Names a login without containing it, so that what was fetched for one is never handed to another. */
export function identityOf(login: RegistryLogin | undefined): string {
  return login === undefined ? 'anonymous' : digestOf(JSON.stringify(login));
}

/** The value of an `Authorization` header for HTTP Basic (RFC 7617). */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
