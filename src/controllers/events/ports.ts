import type { TokenTrust, TokenVerdict } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';

/**
 * Verifies an identity token against its issuer's keys, until the signal fires. Throws a `Fault` when the keys cannot be
 * loaded: it is then unknown whether the token is good.
 */
export type VerifyToken = (token: string, trust: TokenTrust, signal: AbortSignal) => Promise<TokenVerdict>;

/** A receiver as the settings have it. */
export type ReceiverSettings = Settings['events']['receivers'][number];

/** The senders whose events are understood; each has its own path. */
export type Sender = ReceiverSettings['sender'];

/** How a receiver authenticates a caller. `secret` gives the current content of its file; `undefined` = it cannot be read. */
type ReceiverAuth =
  | ({ readonly secret: () => string | undefined } & (
      | { readonly kind: 'hmac' | 'header'; readonly header: string }
      | { readonly kind: 'bearer' }
      | { readonly kind: 'basic'; readonly username: string }
      | { readonly kind: 'query'; readonly parameter: string }
    ))
  | ({ readonly kind: 'oidc' } & TokenTrust);

/** A sender that may report pushes. */
export interface Receiver extends Omit<ReceiverSettings, 'auth'> {
  readonly auth: ReceiverAuth;
}

/** One request that was answered, for log and metrics: never a token, a signature or a body. */
export interface EventOutcome {
  readonly sender: Sender;
  /** The receiver that authenticated the caller. */
  readonly receiver?: string;
  /** The status of the answer. */
  readonly status: number;
  /** How many images it named. */
  readonly images: number;
  /** Why it was not taken: what each receiver said, or the fields that are wrong. */
  readonly why: readonly string[];
}
