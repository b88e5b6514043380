import type { Guard } from './auth.ts';
import { failure, json, type RegistryRequest, type Reply } from './http.ts';
import { findManifest, hash, putManifest, referrersOf, repositoryIn, type Store } from './store.ts';

/** A repository of a store, and what to do it with. */
export interface Place {
  readonly store: Store;
  readonly name: string;
  readonly request: RegistryRequest;
  readonly listing: ListingOptions;
  /** Whether the login of a request is good for reading (also) another repository. */
  readonly mayPull: Guard['mayPull'];
}

/** How the registry lists referrers. */
export interface ListingOptions {
  /** Off: 404 on the endpoint and no `OCI-Subject` header, as registries before distribution spec 1.1. */
  readonly referrersApi: boolean;
  /** `bare`: entries without artifact type and annotations, as some registries leave them out. */
  readonly listing: 'full' | 'bare';
  /** Off: 405 for the deletion of a tag by its name. */
  readonly tagDelete: boolean;
  /** Entries per page; all on one page when not given. */
  readonly referrersPageSize?: number;
}

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** GET and HEAD of a manifest. */
export function getManifest(store: Store, name: string, reference: string): Reply {
  const manifest = findManifest(store.get(name), reference);
  if (!manifest) return failure(404, 'MANIFEST_UNKNOWN');
  return {
    status: 200,
    headers: { 'content-type': manifest.mediaType, 'docker-content-digest': manifest.digest },
    body: manifest.bytes,
  };
}

/** PUT of a manifest by tag or digest. */
export async function pushManifest(
  { store, name, request, listing }: Place,
  reference: string,
): Promise<Reply> {
  const bytes = await request.body();
  if (bytes.byteLength > MAX_MANIFEST_BYTES) return failure(413, 'SIZE_INVALID');
  const byDigest = reference.includes(':');
  const digest = hash(bytes, reference);
  if (byDigest && digest !== reference) return failure(400, 'DIGEST_INVALID');
  const repository = repositoryIn(store, name);
  const stored = putManifest(repository, bytes, request.headers['content-type'] ?? '', digest);
  if (!stored) return failure(400, 'MANIFEST_INVALID');
  if (!byDigest) repository.tags.set(reference, digest);
  return {
    status: 201,
    headers: {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(listing.referrersApi && stored.subject !== undefined && { 'oci-subject': stored.subject }),
    },
  };
}

/** DELETE of a tag, or of a manifest with all its tags. */
export function deleteManifest({ store, name, listing }: Place, reference: string): Reply {
  if (!listing.tagDelete && !reference.includes(':')) return failure(405, 'UNSUPPORTED');
  const repository = store.get(name);
  if (repository?.tags.delete(reference)) return { status: 202 };
  if (!repository?.manifests.delete(reference)) return failure(404, 'MANIFEST_UNKNOWN');
  for (const [tag, digest] of repository.tags) if (digest === reference) repository.tags.delete(tag);
  return { status: 202 };
}

/** The tags, sorted, with `n` and `last`. */
export function listTags(store: Store, name: string, url: URL): Reply {
  const repository = store.get(name);
  if (!repository) return failure(404, 'NAME_UNKNOWN');
  const last = url.searchParams.get('last') ?? '';
  const after = [...repository.tags.keys()].sort().filter((tag) => tag > last);
  const size = Number(url.searchParams.get('n') ?? after.length);
  const page = after.slice(0, size);
  const more = after.length > page.length && page.length > 0;
  const next = `/v2/${name}/tags/list?n=${String(size)}&last=${page.at(-1) ?? ''}`;
  return json(200, { name, tags: page }, more ? { link: `<${next}>; rel="next"` } : {});
}

/** The repositories of the registry (distribution project, "Listing Repositories"). */
export function listRepositories(store: Store, url: URL): Reply {
  const last = url.searchParams.get('last') ?? '';
  const after = [...store.keys()].sort().filter((name) => name > last);
  const size = Number(url.searchParams.get('n') ?? after.length);
  const repositories = after.slice(0, size);
  const next = `/v2/_catalog?n=${String(size)}&last=${repositories.at(-1) ?? ''}`;
  return json(
    200,
    { repositories },
    after.length > repositories.length ? { link: `<${next}>; rel="next"` } : {},
  );
}

/** The referrers API (distribution spec 1.1, "Listing Referrers"). */
export function listReferrers({ store, name, request: { url }, listing }: Place, digest: string): Reply {
  if (!listing.referrersApi) return failure(404, 'NOT_FOUND');
  const type = url.searchParams.get('artifactType');
  const all = referrersOf(store.get(name), digest, listing.listing === 'bare').filter(
    ({ artifactType }) => type === null || artifactType === type,
  );
  const from = Number(url.searchParams.get('from') ?? 0);
  const to = from + (listing.referrersPageSize ?? all.length);
  const next = new URL(url);
  next.searchParams.set('from', String(to));
  return {
    status: 200,
    headers: {
      'content-type': OCI_INDEX,
      ...(type !== null && { 'oci-filters-applied': 'artifactType' }),
      ...(to < all.length && { link: `<${next.pathname}${next.search}>; rel="next"` }),
    },
    body: JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: all.slice(from, to) }),
  };
}
