import type { SelfTestVerdict } from '../../core/workload/index.ts';

/** A JSON object as the API server gives it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A resource as it stands in URLs. */
export interface NamedResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

/** How the API server is reached; absent = the current context of the usual kubeconfig, or as the pod that this is. */
export interface DoctorOptions {
  readonly kubeconfig?: string;
}

/**
 * The API server as doctor needs it, with the caller's rights. Broken wires and reads that are forbidden are thrown as
 * `Fault`.
 */
export interface DoctorPorts {
  /** URL, for messages. */
  readonly server: string;
  /** E.g. `v1.35.1`. */
  readonly version: (signal: AbortSignal) => Promise<string>;
  /** `undefined` when there is none. */
  readonly get: (
    address: { readonly resource: NamedResource; readonly namespace?: string; readonly name: string },
    signal: AbortSignal,
  ) => Promise<JsonObject | undefined>;
  readonly list: (
    collection: {
      readonly resource: NamedResource;
      readonly namespace?: string;
      readonly labelSelector?: string;
    },
    page: { readonly limit?: number; readonly continue?: string },
    signal: AbortSignal,
  ) => Promise<{ readonly items: readonly JsonObject[]; readonly continue?: string }>;
  /** Used for access reviews only, which are stored nowhere. */
  readonly create: (
    collection: { readonly resource: NamedResource },
    object: object,
    options: { readonly signal: AbortSignal },
  ) => Promise<
    { readonly ok: true; readonly object: JsonObject } | { readonly ok: false; readonly message: string }
  >;
  /** One run of the canaries from here. */
  readonly selfTest: (namespace: string, signal: AbortSignal) => Promise<SelfTestVerdict>;
  /** The CustomResourceDefinitions without which nothing works, as this program ships them. */
  readonly shippedCrds: readonly JsonObject[];
  /** Those that only promotions need. */
  readonly promotionCrds: readonly JsonObject[];
  readonly close: () => Promise<void>;
}
