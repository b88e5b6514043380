import {
  digestOf,
  MEDIA_TYPE,
  parseManifest,
  type Annotations,
  type Descriptor,
  type Manifest,
  type ManifestContent,
} from '../../model/index.ts';

/** Something made here, ready to be pushed: first the blobs, then the manifest. */
export interface Artifact {
  readonly blobs: readonly Uint8Array[];
  readonly content: ManifestContent;
}

/** A blob as a layer of a manifest. */
export interface ArtifactBlob {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly annotations?: Annotations;
}

/** What an artifact consists of. */
export interface ArtifactParts {
  readonly artifactType: string;
  /** What it refers to; absent for one that stands under a tag of its own. */
  readonly subject?: Descriptor;
  /** Absent or empty = the empty blob, for an artifact that says all in its annotations (OCI image spec 1.1). */
  readonly layers?: readonly ArtifactBlob[];
  /** Default the empty blob. */
  readonly config?: ArtifactBlob;
  readonly annotations: Annotations;
}

/** When it was made (OCI image spec, "Pre-Defined Annotation Keys"). */
export const CREATED = 'org.opencontainers.image.created';

const EMPTY: ArtifactBlob = { mediaType: MEDIA_TYPE.empty, bytes: new TextEncoder().encode('{}') };

/** The descriptor by which records name what they are about. */
export function subjectOf({ mediaType, digest, size }: Manifest): Descriptor {
  return { mediaType, digest, size, annotations: {} };
}

/** Builds an artifact as an OCI image manifest; the same parts are the same bytes. */
export function buildArtifact({
  artifactType,
  subject,
  layers = [],
  config = EMPTY,
  annotations,
}: ArtifactParts): Artifact {
  const content = layers.length > 0 ? layers : [EMPTY];
  const body = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType,
    config: wireDescriptor(config),
    layers: content.map(wireDescriptor),
    ...(subject && { subject: pointer(subject) }),
    annotations,
  };
  return { blobs: distinct([config, ...content]), content: contentOf(body, MEDIA_TYPE.ociManifest) };
}

/** A manifest or index with its bytes. Throws when the body is none: the caller made a mistake. */
export function contentOf(body: object, mediaType: string): ManifestContent {
  const bytes = encodeJson(body);
  const read = parseManifest(bytes, digestOf(bytes), mediaType);
  if (!read.ok) throw new Error(`made a manifest that is none: ${JSON.stringify(read.problems)}`);
  return { manifest: read.value, bytes };
}

/** A blob as manifests list it. */
export function wireDescriptor({ mediaType, bytes, annotations }: ArtifactBlob): object {
  const digest = digestOf(bytes);
  return { mediaType, digest, size: bytes.byteLength, ...(annotations && { annotations }) };
}

/** Bytes of a value as JSON. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** What the listing of an image's referrers has to say of a record that counts as equal. */
export interface RecordMarks {
  readonly artifactType: string;
  readonly annotations: Annotations;
}

/**
 * A record among the referrers that says the same. Descriptors are claims: this spares writing twice what we wrote
 * ourselves, and proves nothing. A listing without annotations finds nothing, and the record is written once more.
 */
export function findRecord(
  referrers: readonly Descriptor[],
  { artifactType, annotations }: RecordMarks,
): Descriptor | undefined {
  const wanted = Object.entries(annotations);
  return referrers.find(
    (one) =>
      one.artifactType === artifactType && wanted.every(([key, value]) => one.annotations[key] === value),
  );
}

function pointer({ mediaType, digest, size }: Descriptor): object {
  return { mediaType, digest, size };
}

function distinct(blobs: readonly ArtifactBlob[]): readonly Uint8Array[] {
  return [...new Map(blobs.map(({ bytes }) => [digestOf(bytes), bytes])).values()];
}
