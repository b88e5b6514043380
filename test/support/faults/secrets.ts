// The login of the installation for registries that misbehave, and the token that they give for it.
const SECRET = 'of-pratique';

/** Name and password, as a header and a Docker config carry them. */
export const BASIC = Buffer.from(`pratique:password-${SECRET}`).toString('base64');
export const TOKEN = `token-${SECRET}`;

/** Whether a text carries a credential of the installation. */
export function isSecretIn(text: string): boolean {
  return text.includes(SECRET) || text.includes(BASIC);
}
