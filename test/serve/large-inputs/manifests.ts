import { digestOf, parseManifest, type Descriptor, type Manifest } from '../../../src/core/model/index.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** A manifest with these layers. */
export function manifestWith(layers: readonly Pick<Descriptor, 'mediaType' | 'digest' | 'size'>[]): Manifest {
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('{}'), size: 2 };
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }));
  const read = parseManifest(bytes, digestOf(bytes), OCI_MANIFEST);
  if (!read.ok) throw new Error('no manifest');
  return read.value;
}
