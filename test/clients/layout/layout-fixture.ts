// Images in folders in the OCI image layout, written by the client itself or file by file as another program would.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLayouts, type LayoutOptions } from '../../../src/clients/layout/index.ts';
import {
  digestOf,
  folderOf,
  MEDIA_TYPE,
  parseManifest,
  parsePlace,
  pin,
  type Descriptor,
  type Digest,
  type ImageRef,
  type Manifest,
  type PinnedRef,
} from '../../../src/core/model/index.ts';
import type { SideRegistry, TargetRegistry } from '../../../src/core/promotion/index.ts';
import { Fault } from '../../../src/core/model/index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** The repository that a folder is. */
export function place(folder: string, name: string): ImageRef {
  const read = parsePlace(`oci:${join(folder, name)}`);
  if (!read.ok) throw new Error(`no folder: ${folder}/${name}`);
  return read.value;
}

/** A folder for a test, in which another one is to become the layout `export`. */
export async function openPlace() {
  const folder = await temporaryFolder({});
  return { folder, root: join(folder.path, 'export'), at: place(folder.path, 'export') };
}

/** The layer of the images of {@link imageTexts}. */
export const LAYER = { mediaType: 'a/b', digest: digestOf('a layer'), size: 7, annotations: {} };

export const signal = (): AbortSignal => AbortSignal.timeout(50_000);

export function targetLayouts(more: Partial<LayoutOptions> = {}): SideRegistry {
  return createLayouts({ side: 'target', folderOf, ...more });
}

export function sourceLayouts(more: Partial<LayoutOptions> = {}): SideRegistry {
  return createLayouts({ side: 'source', folderOf, ...more });
}

export async function pushBlob(to: TargetRegistry, at: ImageRef, text: string): Promise<Descriptor> {
  const bytes = Buffer.from(text);
  const digest = await to.pushBlob(at, bytes, signal());
  return { mediaType: 'application/octet-stream', digest, size: bytes.byteLength, annotations: {} };
}

/** Pushes a manifest by its digest, and under these tags. */
export async function pushBody(
  to: TargetRegistry,
  at: ImageRef,
  body: object,
  tags: readonly string[] = [],
): Promise<Manifest> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...body }));
  const read = parseManifest(bytes, digestOf(bytes));
  if (!read.ok) throw new Error('no manifest');
  const content = { manifest: read.value, bytes };
  await to.pushManifest(pin(at, read.value.digest), content, signal());
  for (const tag of tags) await to.pushManifest({ ...at, tag }, content, signal());
  return read.value;
}

/** Pushes an image of one layer. */
export async function image(
  to: TargetRegistry,
  at: ImageRef,
  tags: readonly string[],
  text = 'a layer',
): Promise<Manifest> {
  const config = { ...(await pushBlob(to, at, '{}')), mediaType: MEDIA_TYPE.empty };
  const layers = [await pushBlob(to, at, text)];
  return pushBody(to, at, { mediaType: MEDIA_TYPE.ociManifest, config, layers }, tags);
}

/** Pushes something that refers to an image. */
export async function referrer(
  to: TargetRegistry,
  at: ImageRef,
  { mediaType, digest, size }: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>,
  {
    text,
    artifactType = 'application/vnd.example.note',
  }: { readonly text: string; readonly artifactType?: string },
): Promise<Manifest> {
  const config = { ...(await pushBlob(to, at, '{}')), mediaType: MEDIA_TYPE.empty };
  const layers = [await pushBlob(to, at, text)];
  const subject = { mediaType, digest, size };
  return pushBody(to, at, { mediaType: MEDIA_TYPE.ociManifest, artifactType, config, layers, subject });
}

export const pinned = (at: ImageRef, digest: Digest): PinnedRef => pin(at, digest);

/** Writes a layout file by file. Blobs are named by their digest, unless a name is given. */
export async function writeLayout(
  root: string,
  { index, blobs = [] }: { readonly index: unknown; readonly blobs?: readonly string[] },
): Promise<void> {
  await mkdir(join(root, 'blobs', 'sha256'), { recursive: true });
  await writeFile(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(root, 'index.json'), typeof index === 'string' ? index : JSON.stringify(index));
  for (const text of blobs) await writeFile(blobFile(root, digestOf(text)), text);
}

export function blobFile(root: string, digest: string): string {
  return join(root, 'blobs', ...digest.split(':'));
}

/** The bytes of a manifest of an image with one layer, with its blobs. */
export function imageTexts(layer = 'a layer', more: object = {}) {
  const of = (text: string, mediaType: string) => ({
    mediaType,
    digest: digestOf(text),
    size: Buffer.byteLength(text),
  });
  const config = of('{}', 'application/vnd.oci.empty.v1+json');
  const layers = [of(layer, 'application/vnd.oci.image.layer.v1.tar')];
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config,
    layers,
    ...more,
  });
  return { manifest, blobs: ['{}', layer, manifest], entry: of(manifest, MEDIA_TYPE.ociManifest) };
}

/** `index.json` of these entries, each with its name. */
export function indexOf(...entries: readonly (object & { readonly name?: string })[]) {
  const manifests = entries.map(({ name, ...entry }) => ({
    ...entry,
    ...(name !== undefined && { annotations: { 'org.opencontainers.image.ref.name': name } }),
  }));
  return { schemaVersion: 2, manifests };
}

export async function readIndex(
  root: string,
): Promise<{ readonly manifests: readonly Record<string, unknown>[] }> {
  return JSON.parse(await readFile(join(root, 'index.json'), 'utf8')) as Awaited<
    ReturnType<typeof readIndex>
  >;
}

export async function filesIn(root: string): Promise<readonly string[]> {
  return (await readdir(root, { recursive: true })).toSorted();
}

/** The Fault that a call ends with. */
export async function faultOf(call: Promise<unknown>): Promise<Fault> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Fault) return outcome;
  throw new Error(`no Fault: ${String(outcome)}`);
}
