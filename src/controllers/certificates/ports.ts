import type { Certificates } from './make.ts';
import type { NamedPath } from './path-plan.ts';

/** The data of a Secret: base64 by key. */
export type SecretData = Readonly<Record<string, string>>;

/** `conflict`: another writer has changed the object since it was read. */
export type WriteOutcome = 'written' | 'conflict';

/** The Secret that authority and serving certificate are shared through, as it was read. */
export interface StoredSecret {
  readonly data: SecretData;
  readonly resourceVersion: string;
}

/** By what the API server knows its webhooks. */
export type WebhookKind = 'ValidatingWebhookConfiguration' | 'MutatingWebhookConfiguration';

/** A webhook configuration: which authorities the API server trusts, by webhook. */
export interface WebhookConfiguration {
  readonly kind: WebhookKind;
  readonly name: string;
  readonly webhooks: readonly {
    readonly name: string;
    /** Base64 of PEM; empty = none yet. */
    readonly caBundle: string;
    readonly path: NamedPath;
  }[];
}

/** A Secret of the controller's own namespace. */
interface SharedSecret {
  readonly read: () => Promise<StoredSecret | undefined>;
  readonly create: (data: SecretData) => Promise<WriteOutcome>;
  readonly replace: (data: SecretData, resourceVersion: string) => Promise<WriteOutcome>;
}

/** The ports of the registration. A broken connection is thrown and ends the check; the next one continues from the state then. */
export interface RegistrationPorts extends Certificates {
  readonly secret: SharedSecret;
  /** Those of this installation that exist, at most one of a kind. */
  readonly configurations: () => Promise<readonly WebhookConfiguration[]>;
  readonly setCaBundle: (
    kind: WebhookKind,
    webhookNames: readonly string[],
    caBundle: string,
  ) => Promise<void>;
}

/** The ports of the paths; in failure like {@link RegistrationPorts}. */
export interface PathPorts extends Pick<RegistrationPorts, 'configurations'> {
  readonly pathSecret: SharedSecret;
  /** Gives webhooks a path with this secret. What it throws does not repeat it. */
  readonly setPath: (kind: WebhookKind, webhookNames: readonly string[], secret: string) => Promise<void>;
  /** Whether no pod of a former version of the Deployment can still be called. */
  readonly rolledOut: (now: Date) => Promise<boolean>;
  /** A new secret by chance. */
  readonly randomSecret: () => string;
}

/** What is wanted. */
export interface RegistrationSettings {
  /** Names and addresses by which the API server calls. */
  readonly hosts: readonly string[];
  /** Of a serving certificate. */
  readonly lifetimeMs: number;
  readonly authorityLifetimeMs: number;
  /** Configurations that have to exist. Default: the validating one, without which nothing is refused. */
  readonly expected?: readonly WebhookKind[];
}
