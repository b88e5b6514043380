import {
  artifactTypeOf,
  digestHex,
  digestOf,
  MEDIA_TYPE,
  nameOf,
  parseManifest,
  type Descriptor,
  type Digest,
  type ImageRef,
  type ManifestContent,
} from '../../../src/core/model/index.ts';

/** The behaviour of a registry. */
export interface Manners {
  /** Off: referrers are kept under the fallback tag by the client that pushes. */
  readonly referrersApi: boolean;
  /** Refuses manifests before their blobs and children. */
  readonly strict: boolean;
  /** Treats the tag `sha256-<hex>` as the digest. */
  readonly tagsAreDigests: boolean;
  /** Lists referrers without types and annotations. */
  readonly listsPoorly: boolean;
}

/** Everything under one name. */
export interface Repository {
  readonly manifests: Map<string, ManifestContent>;
  readonly tags: Map<string, Digest>;
  readonly blobs: Map<string, Uint8Array>;
}

const GOOD: Manners = { referrersApi: true, strict: true, tagsAreDigests: false, listsPoorly: false };

/** The content of all registries, without the calls. */
export function createStore() {
  const repositories = new Map<string, Repository>();
  const mannersOf = new Map<string, Manners>();

  const at = (name: string): Repository => {
    const known = repositories.get(name);
    if (known) return known;
    const made: Repository = { manifests: new Map(), tags: new Map(), blobs: new Map() };
    repositories.set(name, made);
    return made;
  };
  const how = (host: string): Manners => mannersOf.get(host) ?? GOOD;
  const find = (ref: ImageRef): ManifestContent | undefined => {
    const { manifests, tags } = at(nameOf(ref));
    if (ref.digest !== undefined) return manifests.get(ref.digest);
    const tag = ref.tag ?? 'latest';
    const asDigest = how(ref.registry).tagsAreDigests ? tag.replace(/^(sha256)-/, '$1:') : '';
    return manifests.get(tags.get(tag) ?? asDigest);
  };
  const read = (name: string, bytes: Uint8Array, mediaType?: string): ManifestContent => {
    const parsed = parseManifest(bytes, digestOf(bytes), mediaType);
    if (!parsed.ok) throw new Error(`${name}: ${JSON.stringify(parsed.problems)}`);
    return { manifest: parsed.value, bytes };
  };
  const describe = ({ manifest }: ManifestContent): Descriptor => {
    const { mediaType, digest, size, annotations } = manifest;
    const artifactType = artifactTypeOf(manifest);
    return { mediaType, digest, size, annotations, ...(artifactType !== undefined && { artifactType }) };
  };
  const underTag = (ref: ImageRef, digest: Digest): readonly Descriptor[] => {
    const { registry, repository } = ref;
    return find({ registry, repository, tag: fallback(digest) })?.manifest.manifests ?? [];
  };
  const put = (name: string, content: ManifestContent, tag?: string): void => {
    const { digest, subject } = content.manifest;
    const repository = at(name);
    repository.manifests.set(digest, content);
    if (tag !== undefined) repository.tags.set(tag, digest);
    if (subject === undefined || how(hostOf(name)).referrersApi) return;
    const listed =
      repository.manifests.get(repository.tags.get(fallback(subject.digest)) ?? '')?.manifest.manifests ?? [];
    const manifests = [...listed.filter((entry) => entry.digest !== digest), describe(content)];
    const body = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
    const index = read(name, new TextEncoder().encode(JSON.stringify(body)));
    repository.manifests.set(index.manifest.digest, index);
    repository.tags.set(fallback(subject.digest), index.manifest.digest);
  };
  const lacks = (name: string, { manifest }: ManifestContent): boolean => {
    const { manifests, blobs } = at(name);
    const parts = [...(manifest.config ? [manifest.config] : []), ...manifest.layers];
    return (
      parts.some(({ digest, mediaType }) => !blobs.has(digest) && !mediaType.includes('nondistributable')) ||
      manifest.manifests.some(({ digest }) => !manifests.has(digest))
    );
  };

  return {
    at,
    how,
    find,
    read,
    describe,
    underTag,
    put,
    lacks,
    known: (name: string) => repositories.get(name),
    manners: (host: string, manners: Partial<Manners>) =>
      void mannersOf.set(host, { ...how(host), ...manners }),
  };
}

function fallback(digest: Digest): string {
  return `sha256-${digestHex(digest).slice(0, 64)}`;
}

function hostOf(name: string): string {
  return name.slice(0, name.indexOf('/'));
}
