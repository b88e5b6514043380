import type { Guard } from './auth.ts';
import { continueUpload, deleteBlob, getBlob, startUpload } from './blobs.ts';
import { failure, json, type RegistryRequest, type Reply } from './http.ts';
import {
  deleteManifest,
  getManifest,
  listReferrers,
  listRepositories,
  listTags,
  pushManifest,
  type ListingOptions,
  type Place,
} from './manifests.ts';
import type { Store } from './store.ts';

/** What the handlers use. */
export interface Rooms {
  readonly store: Store;
  readonly guard: Guard;
  readonly listing: ListingOptions;
}

const API_VERSION = { 'docker-distribution-api-version': 'registry/2.0' };
/** `/v2/<name>/<part>/<rest>`: names may have slashes, so the last part that fits decides. */
const PATH = /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|referrers|tags)\/([^/]*)$/;

/** Selects a handler by method and part of the path; HEAD uses the handler of GET. */
type Handler = (place: Place, rest: string) => Reply | Promise<Reply>;
const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET manifests': ({ store, name }, rest) => getManifest(store, name, rest),
  'PUT manifests': pushManifest,
  'DELETE manifests': deleteManifest,
  'GET blobs': getBlob,
  'DELETE blobs': ({ store, name }, rest) => deleteBlob(store, name, rest),
  'POST blobs/uploads': startUpload,
  'GET tags': ({ store, name, request }) => listTags(store, name, request.url),
  'GET referrers': listReferrers,
};

/** Answers a request as a well-behaved registry. */
export async function route({ store, guard, listing }: Rooms, request: RegistryRequest): Promise<Reply> {
  const { pathname } = request.url;
  if (pathname === '/token') return guard.token(request);
  const [, name, part = '', rest = ''] = PATH.exec(pathname) ?? [];
  const refusal = guard.check(request, name);
  if (refusal) return refusal;
  if (name === undefined) {
    return routeAll(store, request.url);
  }
  const handle = HANDLERS[`${request.method.replace('HEAD', 'GET')} ${part}`];
  if (handle) return handle({ store, name, request, listing, mayPull: guard.mayPull }, rest);
  return part === 'blobs/uploads' ? continueUpload(store, name, rest, request) : failure(404, 'NOT_FOUND');
}

/** Answers a request that is about no repository. */
function routeAll(store: Store, url: URL): Reply {
  if (url.pathname === '/v2/_catalog') return listRepositories(store, url);
  return url.pathname === '/v2/' ? json(200, {}, API_VERSION) : failure(404, 'NOT_FOUND');
}
