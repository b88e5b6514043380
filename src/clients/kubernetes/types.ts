import type { Refusal } from './rest/fault.ts';

/*
 * The API server as this room sees it: JSON objects as they are sent. Nothing is dropped and nothing is typed away, so that
 * fields newer than this program survive.
 */

/** `metadata` of an object. Times are RFC 3339 text. */
export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Any object; the items of a list, which the API server sends without them, get `apiVersion` and `kind` filled in. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  /** It has more values than are read of one object: of its fields only the metadata is here, without labels and annotations. */
  readonly isCut?: boolean;
  readonly [field: string]: unknown;
}

/** A resource of the API; core resources have the group `''`. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  /** As in URLs: `pods`, `imagepolicies`. */
  readonly plural: string;
}

/** Objects of one resource: in one namespace, or everywhere (which includes resources without namespaces). */
export interface Collection {
  readonly resource: Resource;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** A list has of each object its metadata alone, as far as the API server can do that. */
  readonly metadataOnly?: boolean;
}

/** One object, or a subresource of it such as `status`. */
export interface ObjectAddress {
  readonly resource: Resource;
  readonly namespace?: string;
  readonly name: string;
  readonly subresource?: string;
}

/** One page of a list; `continue` fetches the next one. */
export interface Page {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  readonly continue?: string;
}

/** What a watch says. `expired` = the resource version is too old (410): list again. */
export type WatchEvent =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly object: KubeObject }
  | { readonly type: 'bookmark'; readonly resourceVersion: string }
  | { readonly type: 'expired' };

/**
 * The answer to a write. A *no* of the API server (400, 403 also by an admission webhook, 404, 409, 410, 413, 422) is a
 * value; `reason` is its machine word such as `Conflict` or `AlreadyExists`.
 */
export type Written =
  | { readonly ok: true; readonly object: KubeObject; readonly warnings: readonly string[] }
  | ({ readonly ok: false; readonly warnings: readonly string[] } & Refusal);

export interface WriteOptions {
  /** Admission and validation run, nothing is stored. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * One API server. Every call has a deadline of its own besides the caller's signal. Throws a `Fault` of side `cluster`:
 * `ClusterUnavailable` (connection, TLS, 5xx, 429 after its `Retry-After`, deadline) or `ClusterDenied` (401; 403 on reads).
 */
export interface Cluster {
  /** URL, for messages. */
  readonly server: string;
  /** Its version, e.g. `v1.37.2`. */
  version(signal?: AbortSignal): Promise<string>;
  /** The object; `undefined` when there is none (404). One of too many values is a Fault `LimitExceeded`. */
  get(address: ObjectAddress, signal?: AbortSignal): Promise<KubeObject | undefined>;
  /** One page. A list that expired (410) is a transient Fault `ClusterUnavailable`; a page too large to read, `LimitExceeded`; one object may be cut. */
  list(
    collection: Collection,
    /** `maxBytes` = longest page that is read. */
    page?: { readonly limit?: number; readonly continue?: string; readonly maxBytes?: number },
    signal?: AbortSignal,
  ): Promise<Page>;
  /** Changes since a version, with bookmarks. Ends when the server or the signal ends it; throws when the connection breaks. */
  watch(collection: Collection, resourceVersion: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
  create(collection: Collection, object: object, options?: WriteOptions): Promise<Written>;
  /** Replaces an object (PUT); `metadata.resourceVersion` in it guards against lost updates. */
  replace(address: ObjectAddress, object: object, options?: WriteOptions): Promise<Written>;
  /** Server-side apply: this field manager owns exactly the fields given; always takes them over from others (force). */
  apply(
    address: ObjectAddress,
    object: object,
    options: WriteOptions & { readonly fieldManager: string },
  ): Promise<Written>;
  /** A JSON merge patch (an object) or a JSON patch (a list of operations). */
  patch(address: ObjectAddress, patch: object, options?: WriteOptions): Promise<Written>;
  /** Deletes; `false` when there was nothing, or when the precondition did not hold. */
  remove(
    address: ObjectAddress,
    precondition?: { readonly uid?: string; readonly resourceVersion?: string },
  ): Promise<boolean>;
  close(): Promise<void>;
}
