/** Media types of manifests and indexes that Pratique reads (OCI image spec 1.1; Docker image manifest v2, schema 2). */
export const MEDIA_TYPE = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  /** The config of an artifact that has none (OCI image spec 1.1, "Guidance for an empty descriptor"). */
  empty: 'application/vnd.oci.empty.v1+json',
} as const;

const INDEXES: ReadonlySet<string> = new Set([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerIndex]);
const MANIFESTS: ReadonlySet<string> = new Set([MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest]);

/** Whether a media type is one of the two multi-platform index types. */
export function isIndexType(mediaType: string): boolean {
  return INDEXES.has(mediaType);
}

/** Whether a media type is an image manifest or an index that Pratique can read. */
export function isManifestType(mediaType: string): boolean {
  return MANIFESTS.has(mediaType) || INDEXES.has(mediaType);
}
