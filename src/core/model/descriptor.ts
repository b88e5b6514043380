import * as z from 'zod';
import { parseDigest, type Digest } from './digest.ts';
import { excessOfJson, hasDoubledField, isObject, listOf, MAX_JSON_VALUES, parseJson } from './json.ts';
import { parsed, problem, type Parsed } from './problem.ts';

/** Media types of manifests and indexes that Pratique reads (OCI image spec 1.1; Docker image manifest v2, schema 2). */
export const MEDIA_TYPE = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  /** The config of an artifact that has none (OCI image spec 1.1, "Guidance for an empty descriptor"). */
  empty: 'application/vnd.oci.empty.v1+json',
} as const;

/**
 * Manifests of artifacts before OCI 1.1 (oras 0.16, notation's release candidates, Azure): no images, but many refer to images. They list
 * `blobs` in place of layers.
 */
export const ARTIFACT_MANIFESTS = [
  'application/vnd.oci.artifact.manifest.v1+json',
  'application/vnd.cncf.oras.artifact.manifest.v1+json',
] as const;

const INDEXES: ReadonlySet<string> = new Set([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerIndex]);
const MANIFESTS: ReadonlySet<string> = new Set([MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest]);

const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/** Whether a media type is that of the config of an image that names its platform; anything else describes an artifact, which runs nowhere. */
export function isImageConfigType(mediaType: string): boolean {
  return IMAGE_CONFIGS.has(mediaType);
}

/** Whether a media type is one of the two multi-platform index types. */
export function isIndexType(mediaType: string): boolean {
  return INDEXES.has(mediaType);
}

/** Whether a media type is an image manifest or an index that Pratique can read. */
export function isManifestType(mediaType: string): boolean {
  return MANIFESTS.has(mediaType) || INDEXES.has(mediaType);
}

/** Annotations of a manifest or descriptor: plain text by key, all of them claims. */
export type Annotations = Readonly<Record<string, string>>;

/** Points at content by digest (OCI image spec, "Content Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations: Annotations;
  /** Set where it has annotations besides these, which were not asked for. */
  readonly otherAnnotations?: true;
  readonly platform?: Platform;
  /** Set where it names addresses outside of the registry for its content (`urls`). */
  readonly isElsewhere?: true;
  /** Those addresses; set only where a copy reads them, since a stranger wrote them. */
  readonly urls?: readonly string[];
}

/** What a child of an index runs on. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const digest = z.string().transform((text, context): Digest => {
  const value = parseDigest(text);
  if (value !== undefined) return value;
  context.addIssue('is not a sha256 or sha512 digest');
  return z.NEVER;
});

/** Annotations on the wire: absent and `null` are both "none" (Go clients write `null`). */
export const annotationsSchema = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value): Annotations => value ?? {});

/** A descriptor on the wire; unknown fields are ignored as the spec demands. */
export const descriptorSchema = z
  .object({
    mediaType: z.string().min(1),
    digest,
    size: z.int().nonnegative(),
    artifactType: z.string().optional(),
    annotations: annotationsSchema,
    otherAnnotations: z.literal(true).optional(),
    platform: z
      .object({ os: z.string(), architecture: z.string(), variant: z.string().optional() })
      .nullish(),
    urls: z.array(z.unknown()).nullish(),
  })
  .transform(({ artifactType, platform, otherAnnotations, urls, ...rest }): Descriptor => ({
    ...rest,
    ...(urls?.length && { isElsewhere: true }),
    ...(otherAnnotations && { otherAnnotations }),
    ...(artifactType && { artifactType }),
    ...(platform && { platform }),
  }));

/** Names of the annotations that are kept of a document; absent = all of them. */
export type AnnotationKeys = readonly string[];

/** Most annotations kept of one manifest, index or listing: 2,000 entries with ten each; each is a pair of strings in memory. */
export const MAX_ANNOTATIONS = 20_000;
/** Most children or layers one manifest may list; real indexes have tens, and every one costs memory and perhaps a request. */
export const MAX_MANIFEST_ENTRIES = 2_000;

/** Where descriptors stand in a manifest or index. */
const LISTS = ['layers', 'manifests', 'blobs'] as const;
const SINGLE = ['config', 'subject'] as const;

/** Parses a document of JSON, without the annotations that are not kept. The problem names what there is too much of. */
export function parseKeeping(bytes: Uint8Array, keys: AnnotationKeys | undefined): Parsed<unknown> {
  const excess = excessOfJson(bytes);
  if (excess === 'values') return over('all', `has more than ${MAX_JSON_VALUES} values`);
  if (excess === 'depth') return problem('', 'is nested too deeply');
  const document = parseJson(bytes);
  // Text that is no JSON has no fields, and a page for people has colons.
  if (document !== undefined && hasDoubledField(bytes, document))
    return ambiguous('', 'has a field twice in one object, which programs read in different ways');
  return keepAnnotations(document, keys);
}

/**
 * Takes every annotation that is not kept out of a document of JSON, in place, before anything is done with each of them. A
 * descriptor that loses some is marked `otherAnnotations`. The problem names what there is too much of.
 */
export function keepAnnotations(document: unknown, keys: AnnotationKeys | undefined): Parsed<unknown> {
  if (!isObject(document)) return parsed(document);
  const long = LISTS.find((name) => listOf(document[name]).length > MAX_MANIFEST_ENTRIES);
  if (long !== undefined) return over(long, `has more than ${MAX_MANIFEST_ENTRIES} entries`);
  const single = SINGLE.map((name) => document[name]);
  const holders = [document, ...single, ...LISTS.flatMap((name) => listOf(document[name]))];
  let kept = 0;
  for (const holder of holders) {
    kept += keepIn(holder, keys, MAX_ANNOTATIONS - kept);
    if (kept > MAX_ANNOTATIONS) return over('annotations', `has more than ${MAX_ANNOTATIONS} entries`);
  }
  return parsed(document);
}

/** A problem with what programs read in different ways: nothing that is found out later makes it good. */
export function ambiguous(path: string, message: string): Parsed<never> {
  return { ok: false, problems: [{ path, message, reason: 'AmbiguousIndex' }] };
}

function over(path: string, message: string): Parsed<never> {
  return { ok: false, problems: [{ path, message, isLimit: true }] };
}

/** The number kept of one object; one above `most` when there are too many. */
function keepIn(holder: unknown, keys: AnnotationKeys | undefined, most: number): number {
  if (!isObject(holder) || !isObject(holder.annotations)) return 0;
  const { annotations } = holder;
  if (keys === undefined) return Object.keys(annotations).length;
  const wanted = keys.filter((key) => Object.hasOwn(annotations, key));
  if (wanted.length > most) return most + 1;
  const pairs = wanted.map((key) => [key, annotations[key]] as const);
  const all = Object.keys(annotations).length;
  Object.assign(holder, {
    annotations: Object.fromEntries(pairs),
    ...(all > wanted.length && { otherAnnotations: true }),
  });
  return wanted.length;
}
