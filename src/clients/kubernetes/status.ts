import type { Cluster, ObjectAddress, Written } from './types.ts';

export interface StatusTarget {
  /** The object itself: no subresource. */
  readonly address: Omit<ObjectAddress, 'subresource'>;
  readonly apiVersion: string;
  readonly kind: string;
  /** Owns the fields given, and no others: several writers of one status leave each other's fields alone. */
  readonly fieldManager: string;
}

/**
 * Writes status fields by server-side apply. What this manager gave before and gives no more goes away; what others own
 * stays. The *no* of the API server is a value (404: the object is gone); throws what the cluster throws.
 */
export function writeStatus(
  cluster: Pick<Cluster, 'apply'>,
  { address, apiVersion, kind, fieldManager }: StatusTarget,
  status: object,
  signal?: AbortSignal,
): Promise<Written> {
  const { name, namespace } = address;
  const object = { apiVersion, kind, metadata: { name, namespace }, status };
  return cluster.apply({ ...address, subresource: 'status' }, object, { fieldManager, signal });
}

/** The function `writeStatus`, for a room that is handed it. */
export type WriteStatus = typeof writeStatus;
