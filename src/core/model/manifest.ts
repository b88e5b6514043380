import * as z from 'zod';
import {
  ambiguous,
  ARTIFACT_MANIFESTS,
  annotationsSchema,
  descriptorSchema,
  isIndexType,
  isManifestType,
  MEDIA_TYPE,
  parseKeeping,
} from './descriptor.ts';
import type { AnnotationKeys, Annotations, Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { isObject, listOf, objectOf } from './json.ts';
import { parsed, parseWith, problem, type Parsed } from './problem.ts';

/** Largest manifest that is read, in bytes: what the distribution spec asks every registry to accept ("Pushing Manifests"). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** A manifest or index as the registry holds it, named by the digest of its raw bytes. */
export interface Manifest {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations: Annotations;
  readonly config?: Descriptor;
  readonly layers: readonly Descriptor[];
  /** Children of an index; empty for an image manifest. */
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
}

/** A manifest with the bytes it was read from: what is copied is these bytes, so that digests stay what they are. */
export interface ManifestContent {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
}

/** Characters of a field name in a message: a stranger wrote it. */
const MAX_SHOWN = 20;

const entries = z
  .array(descriptorSchema)
  .nullish()
  .transform((value) => value ?? []);

const wire = z.object({
  schemaVersion: z.literal(2, 'is not 2: Docker schema 1 images are not supported, push the image again'),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  annotations: annotationsSchema,
  config: descriptorSchema.nullish(),
  layers: entries,
  manifests: entries,
  subject: descriptorSchema.nullish(),
});

/** The bytes of a manifest, and what is known of them. */
export interface ManifestBytes {
  readonly bytes: Uint8Array;
  /** Computed from the bytes. */
  readonly digest: Digest;
  /** The registry's word for it. */
  readonly contentType?: string | undefined;
  /** The annotations to keep; absent = all. */
  readonly keys?: AnnotationKeys | undefined;
  /** It is read as what refers to an image: the artifact manifests of early OCI 1.1 count, too. */
  readonly isReferrer?: boolean | undefined;
}

/** {@link parseManifest} as one job of a thread. Answers with one problem at most: an attacker chooses how many there are. */
export function parseManifestBytes(given: ManifestBytes): Parsed<Manifest> {
  const { bytes, digest, contentType, keys, isReferrer } = given;
  const image = parseManifest(bytes, digest, contentType, keys);
  const read = (!image.ok && isReferrer ? parseArtifact(given) : undefined) ?? image;
  return read.ok ? read : { ok: false, problems: read.problems.slice(0, 1) };
}

/**
 * Reads the raw bytes of a manifest or index. `contentType` is the registry's word for it and must not contradict the
 * body: one text that is an image to one reader and an index to another is refused (CVE-2021-41190).
 */
export function parseManifest(
  bytes: Uint8Array,
  digest: Digest,
  contentType?: string,
  keys?: AnnotationKeys,
): Parsed<Manifest> {
  const kept = parseKeeping(bytes, keys);
  if (!kept.ok) return kept;
  const { value: json } = kept;
  if (json === undefined) return problem('', 'is not JSON');
  const odd = misspelt(json);
  if (odd) return odd;
  const body = parseWith(wire, json);
  if (!body.ok) return body;
  const mediaType = mediaTypeOf(body.value, contentType);
  if (!mediaType.ok) return mediaType;
  const { annotations, layers, manifests, artifactType, config, subject } = body.value;
  return parsed({
    digest,
    mediaType: mediaType.value,
    size: bytes.byteLength,
    annotations,
    layers,
    manifests,
    ...(artifactType && { artifactType }),
    ...(config && { config }),
    ...(subject && { subject }),
  });
}

/** What an artifact manifest has not: a program could take such a text for an image. */
const OF_IMAGES = ['schemaVersion', 'config', 'layers', 'manifests'];

const artifactWire = z.object({
  mediaType: z.enum(ARTIFACT_MANIFESTS),
  artifactType: z.string().min(1),
  annotations: annotationsSchema,
  blobs: entries,
  subject: descriptorSchema,
});

/** An artifact manifest that refers to an image, its blobs as layers; `undefined` for anything else. */
function parseArtifact({ bytes, digest, contentType, keys }: ManifestBytes): Parsed<Manifest> | undefined {
  const kept = parseKeeping(bytes, keys);
  if (!kept.ok || misspelt(kept.value) || manifestType(contentType) !== undefined) return undefined;
  const read = artifactWire.safeParse(kept.value);
  if (!read.success || OF_IMAGES.some((field) => field in objectOf(kept.value))) return undefined;
  const { blobs: layers, mediaType, artifactType, annotations, subject } = read.data;
  const size = bytes.byteLength;
  return parsed({
    ...{ digest, size, mediaType, artifactType, annotations, subject, layers, manifests: [] },
  });
}

/** Fields of manifests, indexes, descriptors and platforms (OCI image spec 1.1). */
const FIELDS: ReadonlyMap<string, string> = new Map(
  [
    ...[
      'schemaVersion',
      'mediaType',
      'artifactType',
      'annotations',
      'config',
      'layers',
      'manifests',
      'blobs',
      'subject',
    ],
    ...['digest', 'size', 'urls', 'data', 'platform'],
    ...['os', 'architecture', 'variant', 'os.version', 'os.features'],
  ].map((field) => [folded(field), field]),
);

/** A name in one case, with the letters that Go takes for others: `ſ` for `s`, the Kelvin sign for `k`. */
function folded(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/**
 * A field that is written in another case. Runtimes and scanners read JSON by Go's rules, where `Platform` is `platform` and the last
 * one counts; for us it would be another field: they would run another image than the one that is judged.
 */
function misspelt(json: unknown): Parsed<never> | undefined {
  const { config, subject, ...lists } = objectOf(json);
  const listed = [lists.layers, lists.manifests, lists.blobs].flatMap(listOf);
  const descriptors = [config, subject, ...listed].filter(isObject);
  for (const holder of [json, ...descriptors, ...descriptors.map(({ platform }) => platform)])
    for (const name of Object.keys(objectOf(holder))) {
      // Most names are written as they should be.
      const field = FIELDS.get(name) === name ? name : FIELDS.get(folded(name));
      if (field !== undefined && field !== name)
        return ambiguous(
          field,
          `is written "${name.slice(0, MAX_SHOWN)}", which only some programs read as the same field`,
        );
    }
  return undefined;
}

function mediaTypeOf(body: z.output<typeof wire>, contentType?: string): Parsed<string> {
  const said = manifestType(contentType);
  if (body.mediaType !== undefined && said !== undefined && body.mediaType !== said)
    return problem('mediaType', `is ${body.mediaType}, but the registry calls it ${said}`);
  const mediaType = body.mediaType ?? said ?? (body.config ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.ociIndex);
  if (!isManifestType(mediaType)) return problem('mediaType', `${mediaType} is no image manifest or index`);
  const parts = isIndexType(mediaType) ? [...body.layers, body.config] : body.manifests;
  const isMixed = parts.some((part) => part !== undefined);
  return isMixed ? problem('mediaType', 'the body is an image and an index at once') : parsed(mediaType);
}

/** The registry's word, where it says anything about manifests (`application/json` and the like do not). */
function manifestType(contentType = ''): string | undefined {
  const declared = contentType.replace(/;.*/s, '').trim().toLowerCase();
  return isManifestType(declared) ? declared : undefined;
}

/** What kind of artifact a manifest is: its artifact type, else the type of its config (OCI image spec 1.1). */
export function artifactTypeOf(manifest: Pick<Manifest, 'artifactType' | 'config'>): string | undefined {
  return manifest.artifactType ?? manifest.config?.mediaType;
}
