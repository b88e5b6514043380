import type { Guard } from './auth.ts';
import { continueUpload, deleteBlob, getBlob, startUpload } from './blobs.ts';
import { failure, json, type RegistryRequest, type Reply } from './http.ts';
import {
  deleteManifest,
  getManifest,
  listReferrers,
  listTags,
  pushManifest,
  type ListingOptions,
} from './manifests.ts';
import type { Store } from './store.ts';

/** What the routes lead to. */
export interface Rooms {
  readonly store: Store;
  readonly guard: Guard;
  readonly listing: ListingOptions;
}

/** `/v2/<name>/<part>/<rest>`: names may have slashes, so the last part that fits decides. */
const PATH = /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|referrers|tags)\/([^/]*)$/;

/** Answers a request as a well-behaved registry. */
export async function route({ store, guard, listing }: Rooms, request: RegistryRequest): Promise<Reply> {
  const { pathname } = request.url;
  if (pathname === '/token') return guard.token(request);
  const [, name = '', part = '', rest = ''] = PATH.exec(pathname) ?? [];
  const refusal = guard.check(request, name === '' ? undefined : name);
  if (refusal) return refusal;
  if (pathname === '/v2/' || pathname === '/v2') {
    return json(200, {}, { 'docker-distribution-api-version': 'registry/2.0' });
  }
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  switch (`${method} ${part}`) {
    case 'GET manifests':
      return getManifest(store, name, rest);
    case 'PUT manifests':
      return pushManifest(store, name, rest, request, listing);
    case 'DELETE manifests':
      return deleteManifest(store, name, rest);
    case 'GET blobs':
      return getBlob(store, name, rest);
    case 'DELETE blobs':
      return deleteBlob(store, name, rest);
    case 'POST blobs/uploads':
      return startUpload(store, name, request);
    case 'GET tags':
      return listTags(store, name, request.url);
    case 'GET referrers':
      return listReferrers(store, name, rest, request.url, listing);
    default:
      return part === 'blobs/uploads'
        ? continueUpload(store, name, rest, request)
        : failure(404, 'NOT_FOUND');
  }
}
