import { createHash, randomUUID } from 'node:crypto';

/** A descriptor as it is written in manifests. */
export interface WireDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, string>>;
  readonly data?: string;
}

/** The parts of a manifest that a registry reads. */
interface WireManifest {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly config?: WireDescriptor;
  readonly subject?: WireDescriptor;
}

/** A manifest as it was pushed. */
export interface StoredManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly subject?: string;
}

/** One repository: everything under a name. */
export interface Repository {
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
  readonly blobs: Map<string, Buffer>;
  readonly uploads: Map<string, Buffer>;
}

/** Everything a registry holds, in memory. */
export type Store = Map<string, Repository>;

/** The repository of this name, created when it does not exist yet. */
export function repositoryIn(store: Store, name: string): Repository {
  const known = store.get(name);
  if (known) return known;
  const made: Repository = { manifests: new Map(), tags: new Map(), blobs: new Map(), uploads: new Map() };
  store.set(name, made);
  return made;
}

/** A copy that does not change with the store; bytes are shared, because none are ever written to. */
export function copyOf(store: Store): Store {
  const one = ({ manifests, tags, blobs, uploads }: Repository): Repository => ({
    manifests: new Map(manifests),
    tags: new Map(tags),
    blobs: new Map(blobs),
    uploads: new Map(uploads),
  });
  return new Map([...store].map(([name, repository]) => [name, one(repository)]));
}

/** The digest of bytes under the algorithm that `like` names; sha256 when it names none. */
export function hash(bytes: Uint8Array, like = 'sha256:'): string {
  const algorithm = like.startsWith('sha512:') ? 'sha512' : 'sha256';
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Begins an upload and returns its id. */
export function beginUpload(repository: Repository): string {
  const id = randomUUID();
  repository.uploads.set(id, Buffer.alloc(0));
  return id;
}

/** Stores a manifest under its digest; `undefined` when it is not JSON. */
export function putManifest(
  repository: Repository,
  bytes: Buffer,
  mediaType: string,
  digest: string,
): StoredManifest | undefined {
  let body: WireManifest;
  try {
    body = JSON.parse(bytes.toString('utf8')) as WireManifest;
  } catch {
    return undefined;
  }
  const subject = body.subject?.digest;
  const stored = { bytes, mediaType, ...(subject !== undefined && { subject }) };
  repository.manifests.set(digest, stored);
  return stored;
}

/** Finds a manifest by tag or digest. */
export function findManifest(
  repository: Repository | undefined,
  reference: string,
): (StoredManifest & { readonly digest: string }) | undefined {
  const digest = repository?.tags.get(reference) ?? reference;
  const manifest = repository?.manifests.get(digest);
  return manifest && { ...manifest, digest };
}

/** Descriptors of all manifests whose subject is `digest`; `bare` leaves out artifact type and annotations. */
export function referrersOf(
  repository: Repository | undefined,
  digest: string,
  bare: boolean,
): WireDescriptor[] {
  const all = [...(repository?.manifests ?? [])].filter(([, manifest]) => manifest.subject === digest);
  return all.map(([own, { bytes, mediaType }]) => {
    const plain = { mediaType, digest: own, size: bytes.byteLength };
    if (bare) return plain;
    const { artifactType, config, annotations } = JSON.parse(bytes.toString('utf8')) as WireManifest;
    const type = artifactType ?? config?.mediaType;
    return {
      ...plain,
      ...(type !== undefined && { artifactType: type }),
      ...(annotations && { annotations }),
    };
  });
}
