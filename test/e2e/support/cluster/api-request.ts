import https from 'node:https';
import { text } from 'node:stream/consumers';

/** The trusted CA and the client certificate, all PEM. */
export interface Credentials {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A running program on loopback answers much sooner. */
const TIMEOUT_MS = 5_000;

/** GET over https on a new connection. */
export async function ask(url: string, credentials: Credentials): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { ...credentials, agent: false, timeout: TIMEOUT_MS }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.on('error', reject);
  });
}
