// Input for records in these tests: an image, a time, and signatures by the real adapter.
import { openKeySigner } from '../../../../src/clients/sigstore/index.ts';
import {
  digestOf,
  parseManifest,
  type Descriptor,
  type Digest,
  type ManifestContent,
  type PinnedRef,
} from '../../../../src/core/model/index.ts';
import type { ArtifactSigner, Statement } from '../../../../src/core/promotion/index.ts';
import type { RunIdentity } from '../../../../src/core/promotion/records/statement.ts';
import type { Artifact } from '../../../../src/core/promotion/records/artifact.ts';
import { signingKey, type SigningKey } from '../../../support/signing.ts';
import type { RegistryTwin } from '../../../support/twins/registry.ts';

export const AT = new Date('2026-06-15T12:00:00.250Z');
export const LATER = new Date('2026-06-16T12:00:00Z');

const OCI = 'application/vnd.oci.image.manifest.v1+json';
export const image: PinnedRef = {
  registry: 'registry.example.com',
  repository: 'golden/web',
  digest: digestOf('image'),
};
export const subject: Descriptor = { mediaType: OCI, digest: image.digest, size: 500, annotations: {} };

/** A signer with a new key. */
export async function signerWith(key: SigningKey = signingKey()): Promise<ArtifactSigner> {
  const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const opened = await openKeySigner({ pem });
  if (!opened.ok) throw new Error('the key of a test does not open');
  return opened.value;
}

/** A manifest as a registry returns it. */
export function contentOf(body: object, mediaType = OCI): ManifestContent {
  const bytes = Buffer.from(JSON.stringify(body));
  const read = parseManifest(bytes, digestOf(bytes), mediaType);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return { manifest: read.value, bytes };
}

/** The JSON of a manifest. */
export function bodyOf({ content }: Artifact): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(content.bytes).toString()) as Readonly<Record<string, unknown>>;
}

/** The entry of an artifact in a listing of referrers. */
export function listed({ content: { manifest } }: Artifact): Descriptor {
  const { mediaType, digest, size, artifactType, annotations } = manifest;
  return { mediaType, digest, size, annotations, ...(artifactType !== undefined && { artifactType }) };
}

/** The blob of a digest; throws when the artifact does not contain it. */
export function blobOf({ blobs }: Artifact, digest: Digest): Uint8Array {
  const blob = blobs.find((bytes) => digestOf(bytes) === digest);
  if (!blob) throw new Error(`${digest} is no blob of the artifact`);
  return blob;
}

/** A run that writes records and has no URL. */
export const nowhere: RunIdentity = {
  name: 'platform/node-to-golden',
  id: 'node-to-golden-29',
  attempt: 1,
  actor: 'system:serviceaccount:pratique:controller',
};
/** A run with a URL. */
export const run: RunIdentity & { readonly url: string } = {
  ...nowhere,
  url: 'https://ci.example.com/runs/29',
};

/** The statement that an artifact carries as it is. */
export function statementOf(artifact: Artifact): Statement {
  const [layer] = artifact.content.manifest.layers;
  if (!layer) throw new Error('an artifact without layers');
  return JSON.parse(Buffer.from(blobOf(artifact, layer.digest)).toString()) as Statement;
}

/** Attaches an artifact to its subject in a registry twin. */
export function attach(registry: RegistryTwin, name: string, artifact: Artifact): Digest {
  const { artifactType, annotations, layers, subject: about } = artifact.content.manifest;
  for (const { digest, mediaType } of layers) registry.putBlob(name, blobOf(artifact, digest), mediaType);
  return registry.push(name, {
    ...(artifactType !== undefined && { artifactType }),
    ...(about && { subject: about.digest }),
    annotations,
    layers,
  });
}

/** A statement as it is written: a field without a value is not. */
export function written(statement: Statement): Statement {
  return JSON.parse(JSON.stringify(statement)) as Statement;
}
