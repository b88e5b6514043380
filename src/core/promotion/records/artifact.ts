import { digestOf, MEDIA_TYPE, parseManifest } from '../../model/index.ts';
import type {
  Annotations,
  Descriptor,
  Digest,
  DigestAlgorithm,
  ImageRef,
  Manifest,
  ManifestContent,
} from '../../model/index.ts';
import type { TargetRegistry } from '../ports.ts';

/** Something made here, ready to be pushed: first the blobs, then the manifest. */
export interface Artifact {
  readonly blobs: readonly Uint8Array[];
  readonly content: ManifestContent;
}

/** A blob as a layer of a manifest. */
export interface ArtifactBlob {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** Their digest, where it was computed already: that of large ones takes the main thread too long. */
  readonly digest?: Digest | undefined;
  readonly annotations?: Annotations;
}

/** Annotations as records are made with them; what has no value is not written, and not looked for. */
export type Marks = Readonly<Record<string, string | undefined>>;

/** What an artifact consists of. */
interface ArtifactParts {
  readonly artifactType: string;
  /** What it refers to; absent for one that stands under a tag of its own. */
  readonly subject?: Descriptor;
  /** Absent or empty = the empty blob, for an artifact that says all in its annotations (OCI image spec 1.1). */
  readonly layers?: readonly ArtifactBlob[];
  /** Default the empty blob. */
  readonly config?: ArtifactBlob;
  readonly annotations: Marks;
}

/** Names a file (OCI image spec); `oras pull` writes only layers that have one. */
export const TITLE = 'org.opencontainers.image.title';
/** When it was made (OCI image spec, "Pre-Defined Annotation Keys"). */
export const CREATED = 'org.opencontainers.image.created';

const EMPTY: ArtifactBlob = { mediaType: MEDIA_TYPE.empty, bytes: encodeJson({}) };

/** The descriptor by which records name what they are about. */
export function subjectOf({ mediaType, digest, size }: Manifest): Descriptor {
  return { mediaType, digest, size, annotations: {} };
}

/** Builds an artifact as an OCI image manifest; the same parts are the same bytes. */
export function buildArtifact(parts: ArtifactParts): Artifact {
  const { artifactType, subject, layers = [], config = EMPTY, annotations } = parts;
  const content = layers.length > 0 ? layers : [EMPTY];
  const body = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType,
    config: wireDescriptor(config),
    layers: content.map(wireDescriptor),
    subject: subject && { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    annotations,
  };
  // Each blob once.
  const blobs = new Map([config, ...content].map((blob) => [digestIn(blob), blob.bytes]));
  return { blobs: [...blobs.values()], content: contentOf(body, MEDIA_TYPE.ociManifest) };
}

/** A manifest or index with its bytes. Throws when the body is none: the caller made a mistake. */
export function contentOf(body: object, mediaType: string, algorithm?: DigestAlgorithm): ManifestContent {
  const bytes = encodeJson(body);
  const read = parseManifest(bytes, digestOf(bytes, algorithm), mediaType);
  if (!read.ok) throw new Error(`made a manifest that is none: ${JSON.stringify(read.problems)}`);
  return { manifest: read.value, bytes };
}

/** A blob as manifests list it. */
export function wireDescriptor(blob: ArtifactBlob): object {
  const { mediaType, bytes, annotations } = blob;
  return { mediaType, digest: digestIn(blob), size: bytes.byteLength, annotations };
}

/** The digest of a blob. */
export function digestIn({ bytes, digest }: Pick<ArtifactBlob, 'bytes' | 'digest'>): Digest {
  return digest ?? digestOf(bytes);
}

/** Bytes of a value as JSON. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/**
 * A record among the referrers that says the same. Descriptors are claims: this spares writing twice what we wrote
 * ourselves, and proves nothing. A listing without annotations finds nothing, and the record is written once more.
 */
export function findRecord(
  referrers: readonly Descriptor[],
  artifactType: string,
  marks: Marks = {},
): Descriptor | undefined {
  const wanted = Object.entries(marks).filter(([, value]) => value !== undefined);
  return referrers.find(
    (one) =>
      one.artifactType === artifactType && wanted.every(([key, value]) => one.annotations[key] === value),
  );
}

/**
 * Pushes an artifact under the tag of `to`, if it has one, else by its own digest: the manifest last, so that no reader finds one
 * whose blobs are missing.
 */
export async function pushArtifact(
  registry: Pick<TargetRegistry, 'pushBlob' | 'pushManifest'>,
  to: ImageRef,
  { blobs, content }: Artifact,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(blobs.map((bytes) => registry.pushBlob(to, bytes, signal)));
  const { registry: host, repository, tag } = to;
  const named = tag === undefined ? { digest: content.manifest.digest } : { tag };
  await registry.pushManifest({ registry: host, repository, ...named }, content, signal);
}
