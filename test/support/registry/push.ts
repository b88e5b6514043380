// Builds images, indexes and referrers and pushes them through plain HTTP to any registry: the embedded one, and real
// ones in end-to-end tests. Every push is quick and small; this code is not made for large content.
import { hash, type WireDescriptor } from './store.ts';

/** Where to push. */
export interface Target {
  /** Host and port, as in image names. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  /** `http` when not given. */
  readonly scheme?: 'http' | 'https';
  /** Sent with every request, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A pushed manifest: its reference, and its entry in a listing. */
export interface Pushed {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  /** `registry/repository@digest`. */
  readonly reference: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A blob to push with a manifest. */
export interface BlobToPush {
  readonly mediaType: string;
  readonly bytes: Uint8Array | string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type { WireDescriptor } from './store.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
const EMPTY: BlobToPush = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: '{}' };

/** Pushes a blob in one go (POST, PUT) and returns its descriptor. */
export async function pushBlob(target: Target, blob: BlobToPush): Promise<WireDescriptor> {
  const bytes = Buffer.from(blob.bytes);
  const digest = hash(bytes);
  const begun = await call(target, 'POST', `blobs/uploads/`, { expect: [202] });
  const upload = new URL(begun.headers.get('location') ?? '', begun.url);
  upload.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  await call(target, 'PUT', upload, { expect: [201], headers, body: bytes });
  const { mediaType, annotations } = blob;
  return { mediaType, digest, size: bytes.byteLength, ...(annotations && { annotations }) };
}

/** Pushes a manifest as it is given, under the target's tag or else by its digest. */
export async function pushManifest(
  target: Target,
  body: Readonly<Record<string, unknown>>,
  mediaType: string = typeof body.mediaType === 'string' ? body.mediaType : OCI_MANIFEST,
): Promise<Pushed & { readonly response: Response }> {
  const bytes = Buffer.from(JSON.stringify(body));
  const digest = hash(bytes);
  const headers = { 'content-type': mediaType };
  const name = target.tag ?? digest;
  const response = await call(target, 'PUT', `manifests/${name}`, { expect: [201], headers, body: bytes });
  const reference = `${target.registry}/${target.repository}@${digest}`;
  return { digest, size: bytes.byteLength, mediaType, reference, body, response };
}

/** Pushes an image; `salt` makes a different image when everything else is the same. */
export async function pushImage(
  target: Target,
  image: {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly layers?: readonly (string | BlobToPush)[];
    readonly salt?: string;
    /** Digests of the layers as they are unpacked, for clients that unpack them; none when not given. */
    readonly diffIds?: readonly string[];
    readonly platform?: { readonly os: string; readonly architecture: string };
  } = {},
): Promise<Pushed> {
  const { os, architecture } = image.platform ?? { os: 'linux', architecture: 'amd64' };
  const config = await pushBlob(target, {
    mediaType: OCI_CONFIG,
    bytes: JSON.stringify({
      os,
      architecture,
      rootfs: { type: 'layers', diff_ids: image.diffIds ?? [] },
      author: image.salt ?? '',
    }),
  });
  const layers: WireDescriptor[] = [];
  for (const layer of image.layers ?? ['layer']) {
    const blob = typeof layer === 'string' ? { mediaType: OCI_LAYER, bytes: layer } : layer;
    layers.push(await pushBlob(target, blob));
  }
  const { annotations } = image;
  return pushManifest(target, {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config,
    layers,
    ...(annotations && { annotations }),
  });
}

/** Pushes an index of manifests that are already there. */
export async function pushIndex(
  target: Target,
  index: {
    readonly manifests: readonly (Pushed & { readonly platform?: Readonly<Record<string, string>> })[];
    readonly annotations?: Readonly<Record<string, string>>;
  },
): Promise<Pushed> {
  const manifests = index.manifests.map(({ mediaType, digest, size, platform }) => ({
    mediaType,
    digest,
    size,
    ...(platform && { platform }),
  }));
  return pushManifest(target, {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests,
    ...(index.annotations && { annotations: index.annotations }),
  });
}

/**
 * Pushes a referrer of `subject`. When the registry does not confirm the subject (`OCI-Subject`), it has no
 * referrers API and the client keeps the listing under the fallback tag (distribution spec 1.1, "Pushing Manifests with
 * Subject"). The target's tag is not used: it belongs to the subject.
 */
export async function pushReferrer(
  target: Target,
  referrer: {
    readonly subject: Pick<WireDescriptor, 'mediaType' | 'digest' | 'size'>;
    readonly artifactType: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly blobs?: readonly BlobToPush[];
  },
): Promise<Pushed> {
  const { mediaType, digest, size } = referrer.subject;
  const config = await pushBlob(target, EMPTY);
  const layers: WireDescriptor[] = [];
  for (const blob of referrer.blobs ?? [EMPTY]) layers.push(await pushBlob(target, blob));
  const { artifactType, annotations } = referrer;
  const pushed = await pushManifest(untagged(target), {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType,
    config,
    layers,
    subject: { mediaType, digest, size },
    ...(annotations && { annotations }),
  });
  if (!pushed.response.headers.has('oci-subject')) {
    await addToFallbackTag(target, digest, {
      mediaType: pushed.mediaType,
      digest: pushed.digest,
      size: pushed.size,
      artifactType,
      ...(annotations && { annotations }),
    });
  }
  return pushed;
}

function untagged({ registry, repository, scheme, headers }: Target): Target {
  return { registry, repository, ...(scheme && { scheme }), ...(headers && { headers }) };
}

/** Adds an entry to the index under `sha256-<hex>` of the subject, making it when there is none. */
export async function addToFallbackTag(
  target: Target,
  subject: string,
  entry: WireDescriptor,
): Promise<void> {
  const [algorithm = '', hex = ''] = subject.split(':');
  const tag = `${algorithm}-${hex.slice(0, 64)}`;
  const headers = { accept: OCI_INDEX };
  const present = await call(target, 'GET', `manifests/${tag}`, { expect: [200, 404], headers });
  const listed =
    present.status === 200 ? ((await present.json()) as { manifests: WireDescriptor[] }).manifests : [];
  const manifests = [...listed.filter(({ digest }) => digest !== entry.digest), entry];
  await pushManifest({ ...target, tag }, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
}

/** Points a tag to a manifest that is already there. */
export async function pushTag(target: Target, tag: string, pushed: Pushed): Promise<void> {
  await pushManifest({ ...target, tag }, pushed.body, pushed.mediaType);
}

async function call(
  target: Target,
  method: string,
  path: string | URL,
  options: {
    readonly expect: readonly number[];
    readonly headers?: Record<string, string>;
    readonly body?: Uint8Array<ArrayBuffer>;
  },
): Promise<Response> {
  const base = `${target.scheme ?? 'http'}://${target.registry}/v2/${target.repository}/`;
  const headers = { ...target.headers, ...options.headers };
  const body = options.body;
  // What misbehaves leads elsewhere, and nothing of a test leaves loopback.
  const redirect = 'manual';
  const response = await fetch(new URL(path, base), { method, headers, redirect, ...(body && { body }) });
  if (options.expect.includes(response.status)) return response;
  throw new Error(`${method} ${response.url} answered ${String(response.status)}: ${await response.text()}`);
}
