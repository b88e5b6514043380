import https from 'node:https';
import { text } from 'node:stream/consumers';

/** Whom to trust and who we are, all PEM. */
export interface Credentials {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A program on loopback that is alive answers much sooner. */
const TIMEOUT_MS = 5_000;

/** GET over https on a connection of its own. */
export async function ask(url: string, credentials: Credentials): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { ...credentials, agent: false, timeout: TIMEOUT_MS }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.on('error', reject);
  });
}
