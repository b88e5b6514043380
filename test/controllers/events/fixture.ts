// A receiver of events with the secrets that its senders have.
import type { EventOutcome } from '../../../src/controllers/events/index.ts';
import type { PushedImage } from '../../../src/controllers/events/pushed-image.ts';
import type { Receiver } from '../../../src/controllers/events/ports.ts';
import { eventHandler } from '../../../src/controllers/events/receive.ts';
import type { TokenTrust } from '../../../src/core/model/index.ts';
import type { Sender, VerifyToken } from '../../../src/controllers/events/ports.ts';
import { createHmac } from 'node:crypto';

export const SECRET = 'correct horse battery staple';
export const TOKEN = 'token-of-the-registry';
export const TRUST: TokenTrust = { issuer: 'https://ci.example.com', audience: 'pratique', subject: 'acme' };
export const BODY = JSON.stringify({ repository: 'registry.example.com/shop/web', tag: '1.4' });

export const hmac = (more: Partial<Receiver> = {}, secret: string | undefined = SECRET): Receiver => ({
  name: 'signed',
  sender: 'generic',
  auth: { kind: 'hmac', header: 'x-hub-signature-256', secret: () => secret },
  ...more,
});
export const bearer = (more: Partial<Receiver> = {}, secret: string | undefined = TOKEN): Receiver => ({
  name: 'bearer',
  sender: 'generic',
  auth: { kind: 'bearer', secret: () => secret },
  ...more,
});
export const oidc = (name = 'ci', trust: Partial<TokenTrust> = {}): Receiver => ({
  name,
  sender: 'generic',
  auth: { kind: 'oidc', ...TRUST, ...trust },
});
export const noSecret = (receiver: Receiver, secret: string | undefined): Receiver => ({
  ...receiver,
  auth: { ...receiver.auth, secret: () => secret } as Receiver['auth'],
});

export const signature = (body: string, secret = SECRET) =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
export const signed = (body = BODY, secret = SECRET) => ({ 'x-hub-signature-256': signature(body, secret) });
export const reported = (token = TOKEN) => ({ authorization: `Bearer ${token}` });

/** In place of a body: what the server hands on for one that is too large. */
export const TOO_LARGE = 'too large';

/** One handler with a record of its calls. */
export function fixture(
  receivers: readonly Receiver[],
  verifyToken: VerifyToken = () => Promise.reject(new Error('asked')),
) {
  const pushed: PushedImage[] = [];
  const log: EventOutcome[] = [];
  const receiving = {
    receivers,
    verifyToken,
    onPushed: (images: readonly PushedImage[]) => pushed.push(...images),
    onAnswered: (event: EventOutcome) => log.push(event),
  };
  const ask = async (
    headers: Readonly<Record<string, string>>,
    body: string | undefined = BODY,
    { sender = 'generic', query = '' }: { readonly sender?: Sender; readonly query?: string } = {},
  ) => {
    const answer = await eventHandler(
      sender,
      receiving,
    )({
      headers: new Map(Object.entries(headers)),
      query: new URLSearchParams(query),
      body: body === TOO_LARGE ? TOO_LARGE : Buffer.from(body),
    });
    return { status: answer.status, body: JSON.parse(answer.body) as unknown };
  };
  return { ask, pushed, log, receiving };
}
