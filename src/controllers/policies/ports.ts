import type { Fact } from '../../core/model/index.ts';

/** An ImagePolicy as the API server has it. */
export interface PolicyObject {
  readonly metadata: {
    readonly name: string;
    readonly generation?: number;
    readonly [field: string]: unknown;
  };
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly [field: string]: unknown;
}

/** A Secret or ConfigMap as the API server has it; values of a Secret are base64. */
export interface SecretData {
  readonly data?: unknown;
}

/** A cluster's policies and the objects that they name, kept current by a cache. */
export interface PolicySource {
  readonly policies: () => Iterable<PolicyObject>;
  /** From the controller's own namespace. */
  readonly secret: (name: string) => SecretData | undefined;
  readonly configMap: (name: string) => SecretData | undefined;
}

/** Namespaces, from a synced cache and from the API server itself. */
export interface NamespaceSource {
  /** Labels as the cache has them; `undefined` for a namespace that it does not have. */
  readonly cached: (name: string) => Readonly<Record<string, string>> | undefined;
  /** Milliseconds since the cache last received an answer from the API server; a cache without answers may be wrong. */
  readonly confirmedMsAgo: () => number;
  /** Asks the API server; `absent` when there is no such namespace. */
  readonly ask: (name: string, signal: AbortSignal) => Promise<Fact<Readonly<Record<string, string>>>>;
}
