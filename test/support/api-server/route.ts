import type { Collection, ObjectAddress } from '../../../src/clients/kubernetes/types.ts';

/** What a path of the API names. */
export interface Route {
  readonly collection: Collection;
  /** Absent when the path names a collection. */
  readonly address?: ObjectAddress;
}

/** Reads `/api/v1/namespaces/acme/pods/web/status?…`; `undefined` for a path outside of the API. */
export function routeOf({ pathname, searchParams }: URL): Route | undefined {
  const [root, ...rest] = pathname.split('/').slice(1).map(decodeURIComponent);
  if (root !== 'api' && root !== 'apis') return undefined;
  const [group, version, ...tail] = root === 'api' ? ['', ...rest] : rest;
  const [namespace, segments] = scopeOf(tail);
  const [plural, name, subresource] = segments;
  if (group === undefined || version === undefined || plural === undefined) return undefined;
  const place = { resource: { group, version, plural }, ...(namespace !== undefined && { namespace }) };
  const collection = { ...place, ...selectorsOf(searchParams) };
  if (name === undefined) return { collection };
  return { collection, address: { ...place, name, ...(subresource !== undefined && { subresource }) } };
}

/** `namespaces/acme/pods` is in a namespace, `namespaces/acme` is one. */
function scopeOf(segments: readonly string[]): readonly [string | undefined, readonly string[]] {
  const inside = segments[0] === 'namespaces' && segments.length > 2;
  return inside ? [segments[1], segments.slice(2)] : [undefined, segments];
}

function selectorsOf(query: URLSearchParams): Pick<Collection, 'labelSelector' | 'fieldSelector'> {
  const labelSelector = query.get('labelSelector');
  const fieldSelector = query.get('fieldSelector');
  return {
    ...(labelSelector !== null && { labelSelector }),
    ...(fieldSelector !== null && { fieldSelector }),
  };
}
