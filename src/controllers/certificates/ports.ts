/** A certificate and its private key, both PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateReading {
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly hosts: readonly string[];
  readonly fingerprint: string;
}

/** Reads certificates; what cannot be read is `undefined` or false. */
export interface Inspection {
  readonly readCertificate: (pem: string) => CertificateReading | undefined;
  readonly fits: (pair: Pair) => boolean;
  readonly isIssuedBy: (cert: string, caPem: string) => boolean;
}

/** How long a certificate is to be good for, and how much before `now` it begins. */
export interface Validity {
  readonly lifetimeMs: number;
  readonly skewMs: number;
  readonly now: Date;
}

/** Makes certificates. */
export interface Making {
  readonly createAuthority: (request: Validity & { readonly name: string }) => Promise<Pair>;
  readonly issueServing: (
    request: Validity & { readonly authority: Pair; readonly hosts: readonly string[] },
  ) => Promise<Pair>;
}

/** The data of a Secret: base64 by key. */
export type SecretData = Readonly<Record<string, string>>;

/** `conflict`: another writer has changed the object since it was read. */
export type WriteOutcome = 'written' | 'conflict';

/** The one Secret that authority and serving certificate are shared through. */
export interface SecretPort {
  readonly read: () => Promise<{ readonly data: SecretData; readonly resourceVersion: string } | undefined>;
  readonly create: (data: SecretData) => Promise<WriteOutcome>;
  readonly replace: (data: SecretData, resourceVersion: string) => Promise<WriteOutcome>;
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
  }[];
}

/** The ports of the registration. A broken connection is thrown and ends the check; the next one continues from the state then. */
export interface RegistrationPorts extends Inspection, Making {
  readonly secret: SecretPort;
  /** Those of this installation that exist, at most one of a kind. */
  readonly configurations: () => Promise<readonly WebhookConfiguration[]>;
  readonly setCaBundle: (
    kind: WebhookKind,
    webhookNames: readonly string[],
    caBundle: string,
  ) => Promise<void>;
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
