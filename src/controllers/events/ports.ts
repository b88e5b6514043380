/** Runs something once after so many milliseconds; the answer cancels it. */
export type After = (ms: number, run: () => void) => () => void;

/** Which identity tokens are accepted; each field is compared as a whole. */
export interface TokenTrust {
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
}

/** The result of verifying a token: it is trusted, or one word for the log why it is not. */
export type TokenVerdict = { readonly ok: true } | { readonly ok: false; readonly why: string };

/**
 * Verifies an identity token against its issuer's keys, until the signal fires. Throws a `Fault` when the keys cannot be
 * loaded: it is then unknown whether the token is good.
 */
export type VerifyToken = (token: string, trust: TokenTrust, signal: AbortSignal) => Promise<TokenVerdict>;

/** How a receiver authenticates a caller. `secret` gives the current content of its file; `undefined` = it cannot be read. */
export type ReceiverAuth =
  | { readonly kind: 'hmac'; readonly header: string; readonly secret: () => string | undefined }
  | { readonly kind: 'bearer'; readonly secret: () => string | undefined }
  | ({ readonly kind: 'oidc' } & TokenTrust);

/** The senders whose events are understood; each has its own path. */
export type Sender = 'distribution' | 'harbor' | 'ghcr' | 'generic';

/** A sender that may report pushes. */
export interface Receiver {
  /** As the log names it. */
  readonly name: string;
  readonly sender: Sender;
  /** The host of the registry as promotions name it, where the sender knows it by another name. */
  readonly registry?: string;
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
