import * as z from 'zod';
import { Fault, pin, type ImageRef, type Manifest } from '../model/index.ts';
import type { SourceRegistry } from './ports.ts';

/** Largest config that is read for its date, in bytes; real ones have a few thousand. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** OCI image spec, "Pre-Defined Annotation Keys". */
const CREATED = 'org.opencontainers.image.created';

const config = z.object({ created: z.string().nullish() });

/** When the image behind a tag says it was made, by its annotation or its config; `undefined` when that cannot be learned. */
export async function createdAt(
  ref: ImageRef,
  source: SourceRegistry,
  signal: AbortSignal,
): Promise<Date | undefined> {
  try {
    const date = new Date((await claimOf(ref, source, signal)) ?? NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
  } catch (error) {
    // An image of unknown age is left out by whoever asks for an age: nothing is lost by going on with the others.
    if (error instanceof Fault && !signal.aborted) return undefined;
    throw error;
  }
}

async function claimOf(
  ref: ImageRef,
  source: SourceRegistry,
  signal: AbortSignal,
): Promise<string | undefined> {
  const manifest = await source.manifest(ref, signal);
  const said = manifest?.annotations[CREATED];
  if (!manifest || said !== undefined) return said;
  const image = await imageIn(ref, manifest, source, signal);
  if (!image?.config) return undefined;
  const bytes = await source.blob(ref, image.config, MAX_CONFIG_BYTES, signal);
  return bytes && (config.safeParse(parseJson(bytes)).data?.created ?? undefined);
}

/** The image itself, or the first one of an index: all are made together. */
async function imageIn(
  ref: ImageRef,
  manifest: Manifest,
  source: SourceRegistry,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const [first] = manifest.manifests;
  return first ? source.manifest(pin(ref, first.digest), signal) : manifest;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined; // it says no time then
  }
}
