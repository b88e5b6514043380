import * as z from 'zod';
import { parsed, problem, type Parsed } from '../../../core/model/index.ts';
import { parseJson } from '../json.ts';

/** Longest token in characters: those of CI systems have two thousand, and headers no room for more than this. */
const MAX_TOKEN_LENGTH = 16 * 1024;

const claims = z.object({
  sub: z.string().min(1),
  email: z.string().optional(),
  email_verified: z.union([z.boolean(), z.string()]).optional(),
});

/** A token to sign in the name of, and whose it is. Nobody has verified it: that is up to who issues the certificate. */
export interface IdentityToken {
  readonly token: string;
  readonly subject: string;
}

/** Reads an OpenID identity token (JWT). No problem repeats anything of it. */
export function readIdentityToken(text: string): Parsed<IdentityToken> {
  const token = text.trim();
  const [, payload, ...rest] = token.split('.');
  if (token.length > MAX_TOKEN_LENGTH || payload === undefined || rest.length !== 1)
    return problem('identityToken', 'is not an OpenID identity token');
  const read = claims.safeParse(parseJson(Buffer.from(payload, 'base64url')));
  if (!read.success) return problem('identityToken', 'is not an OpenID identity token with a subject');
  const { sub, email = '', email_verified: isVerified = false } = read.data;
  if (email === '') return parsed({ token, subject: sub });
  return isVerified === false
    ? problem('identityToken', 'has an e-mail address that its issuer did not verify')
    : parsed({ token, subject: email });
}
