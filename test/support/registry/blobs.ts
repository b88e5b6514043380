import { failure, type RegistryRequest, type Reply } from './http.ts';
import type { Place } from './manifests.ts';
import { beginUpload, hash, repositoryIn, type Repository, type Store } from './store.ts';

/** GET and HEAD of a blob, from a byte on if asked for (RFC 9110 §14.2, the form `bytes=N-` only). */
export function getBlob({ store, name, request }: Place, digest: string): Reply {
  const bytes = store.get(name)?.blobs.get(digest);
  if (!bytes) return failure(404, 'BLOB_UNKNOWN');
  const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': digest };
  const first = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  if (first === undefined) return { status: 200, headers, body: bytes };
  const size = bytes.byteLength;
  const start = Number(first);
  if (start >= size) return { status: 416, headers: { 'content-range': `bytes */${String(size)}` } };
  const range = `bytes ${first}-${String(size - 1)}/${String(size)}`;
  return { status: 206, headers: { ...headers, 'content-range': range }, body: bytes.subarray(start) };
}

/** DELETE of a blob. */
export function deleteBlob(store: Store, name: string, digest: string): Reply {
  return store.get(name)?.blobs.delete(digest) ? { status: 202 } : failure(404, 'BLOB_UNKNOWN');
}

/** POST that begins an upload, or is the whole of it (`digest`), or mounts a blob of another repository (`mount`). */
export async function startUpload({ store, name, request, mayPull }: Place): Promise<Reply> {
  const query = request.url.searchParams;
  const repository = repositoryIn(store, name);
  const mount = query.get('mount');
  const from = query.get('from') ?? '';
  const mounted = mount !== null && mayPull(request, from) ? store.get(from)?.blobs.get(mount) : undefined;
  if (mount !== null && mounted) {
    repository.blobs.set(mount, mounted);
    return created(name, mount);
  }
  const digest = query.get('digest');
  if (digest !== null) return finish(repository, name, digest, await request.body());
  return progress(name, beginUpload(repository), 0);
}

/** PATCH, PUT, GET and DELETE of an upload that has begun. */
export async function continueUpload(
  store: Store,
  name: string,
  id: string,
  request: RegistryRequest,
): Promise<Reply> {
  const repository = repositoryIn(store, name);
  const sofar = repository.uploads.get(id);
  if (!sofar) return failure(404, 'BLOB_UPLOAD_UNKNOWN');
  const upload = { repository, name, id, sofar };
  switch (request.method) {
    case 'PATCH':
      return grow(upload, request);
    case 'PUT': {
      repository.uploads.delete(id);
      const bytes = Buffer.concat([sofar, await request.body()]);
      return finish(repository, name, request.url.searchParams.get('digest') ?? '', bytes);
    }
    case 'GET':
      return { ...progress(name, id, sofar.byteLength), status: 204 };
    case 'DELETE':
      repository.uploads.delete(id);
      return { status: 204 };
    default:
      return failure(405, 'UNSUPPORTED');
  }
}

interface Upload {
  readonly repository: Repository;
  readonly name: string;
  readonly id: string;
  readonly sofar: Buffer;
}

async function grow({ repository, name, id, sofar }: Upload, request: RegistryRequest): Promise<Reply> {
  const start = /^(?:bytes[ =])?(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
  if (start !== undefined && Number(start) !== sofar.byteLength) return failure(416, 'BLOB_UPLOAD_INVALID');
  const grown = Buffer.concat([sofar, await request.body()]);
  repository.uploads.set(id, grown);
  return progress(name, id, grown.byteLength);
}

function finish(repository: Repository, name: string, digest: string, bytes: Buffer): Reply {
  if (hash(bytes, digest) !== digest) return failure(400, 'DIGEST_INVALID');
  repository.blobs.set(digest, bytes);
  return created(name, digest);
}

function created(name: string, digest: string): Reply {
  const location = `/v2/${name}/blobs/${digest}`;
  return { status: 201, headers: { location, 'docker-content-digest': digest } };
}

function progress(name: string, id: string, size: number): Reply {
  const location = `/v2/${name}/blobs/uploads/${id}`;
  const range = `0-${String(Math.max(0, size - 1))}`;
  return { status: 202, headers: { location, range, 'docker-upload-uuid': id } };
}
