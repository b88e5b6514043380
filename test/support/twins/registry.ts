import {
  artifactTypeOf,
  digestOf,
  Fault,
  formatReference,
  MEDIA_TYPE,
  nameOf,
  parseManifest,
  type Annotations,
  type Descriptor,
  type Digest,
  type ImageRef,
  type Manifest,
  type PinnedRef,
} from '../../../src/core/model/index.ts';
import { keepAnnotations, type AnnotationKeys } from '../../../src/core/model/descriptor.ts';
import type {
  BlobSource,
  ManifestSource,
  ReferrerSource,
  TagSource,
} from '../../../src/core/evidence/index.ts';

/** The operations of a registry. */
export type Operation = 'manifest' | 'tagDigest' | 'referrers' | 'fallbackReferrers' | 'blob' | 'tags';

/** A manifest to push; an image without layers by default. */
export interface Push {
  readonly tag?: string;
  readonly annotations?: Annotations;
  readonly artifactType?: string;
  readonly layers?: readonly Descriptor[];
  /** Of an image; the empty one by default. */
  readonly config?: Descriptor;
  /** Children: makes it an index. */
  readonly manifests?: readonly Descriptor[];
  /** What it refers to. */
  readonly subject?: Digest;
}

/** An in-memory registry behind the ports of verification, with counters, faults and a gate. */
export interface RegistryTwin extends ManifestSource, ReferrerSource, BlobSource, TagSource {
  /** Every call so far, e.g. `manifest registry.example.com/shop/web:1.4`. */
  readonly calls: readonly string[];
  /** How often an operation was called so far. */
  count(operation: Operation): number;
  /** Pushes a manifest into a repository (`registry.example.com/shop/web`), and moves the tag to it. */
  push(name: string, manifest?: Push): Digest;
  /** Stores bytes and answers their descriptor. */
  putBlob(name: string, bytes: Uint8Array, mediaType: string, annotations?: Annotations): Descriptor;
  /** Deletes content or a tag. */
  remove(name: string, what: string): void;
  /** Lists referrers by digest alone from now on, as registries without the API may do. */
  listPoorly(): void;
  /** Lists these referrers of a digest under its fallback tag. */
  listUnderTag(name: string, subject: Digest, listing: readonly Descriptor[]): void;
  /** Lists these referrers of a digest, whatever was pushed. */
  list(name: string, subject: Digest, listing: readonly Descriptor[]): void;
  /** Makes calls fail whose text (see `calls`) begins with `call`; returns a function that ends this. */
  fail(call: string, error: unknown): () => void;
  /** Holds back the answers of calls whose text begins with `call`; returns a function that releases them. */
  hold(call: string): () => void;
}

/** A fault as an adapter throws it. */
export function faultOf(code: Fault['code'], transient = true): Fault {
  return new Fault({ code, operation: 'ask the registry', side: 'source', transient, detail: 'it failed' });
}

/** An empty registry. */
export function createRegistryTwin(): RegistryTwin {
  const content = new Map<string, Manifest>();
  const tags = new Map<string, Digest>();
  const blobs = new Map<string, Uint8Array>();
  const listings = new Map<string, readonly Descriptor[]>();
  const fallbacks = new Map<string, readonly Descriptor[]>();
  const calls: string[] = [];
  const faults = new Map<string, unknown>();
  const gates = new Map<string, Promise<void>>();
  let poor = false;

  /** Records a call, waits at its gate, and fails if a test set that. */
  const enter = async (operation: Operation, subject: string, signal: AbortSignal): Promise<void> => {
    const call = `${operation} ${subject}`;
    calls.push(call);
    await passGate(matching(gates, call), signal);
    if (signal.aborted) throw faultOf('DeadlineExceeded');
    const error = matching(faults, call);
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever a test wants to be thrown
    if (error !== undefined) throw error;
  };

  const digestNamed = (ref: ImageRef): Digest | undefined =>
    ref.digest ?? tags.get(`${nameOf(ref)}:${ref.tag ?? ''}`);

  return {
    calls,
    count: (operation) => calls.filter((call) => call.startsWith(`${operation} `)).length,

    manifest: async (ref, signal, keys) => {
      await enter('manifest', formatReference(ref), signal);
      const manifest = content.get(`${nameOf(ref)}@${digestNamed(ref) ?? ''}`);
      return manifest && keeping(manifest, keys);
    },
    tagDigest: async (ref, signal) => {
      await enter('tagDigest', formatReference(ref), signal);
      return digestNamed(ref);
    },
    referrers: async (image, signal, keys) => {
      await enter('referrers', bare(image), signal);
      return (listings.get(bare(image)) ?? []).map((entry) => keeping(poor ? poorly(entry) : entry, keys));
    },
    fallbackReferrers: async (image, signal, keys) => {
      await enter('fallbackReferrers', bare(image), signal);
      return (fallbacks.get(bare(image)) ?? []).map((entry) => keeping(entry, keys));
    },
    blob: async (repository, { digest, size }, maxBytes, signal) => {
      await enter('blob', `${nameOf(repository)}@${digest}`, signal);
      if (size > maxBytes) throw faultOf('LimitExceeded', false);
      const bytes = blobs.get(`${nameOf(repository)}@${digest}`);
      return bytes && new Uint8Array(bytes);
    },
    tags: async (repository, signal) => {
      const name = nameOf(repository);
      await enter('tags', name, signal);
      return [...tags.keys()]
        .filter((key) => key.startsWith(`${name}:`))
        .map((key) => key.slice(name.length + 1));
    },

    push: (name, pushed = {}) => {
      const manifest = manifestOf(pushed);
      const { digest } = manifest;
      content.set(`${name}@${digest}`, manifest);
      if (pushed.tag !== undefined) tags.set(`${name}:${pushed.tag}`, digest);
      if (pushed.subject !== undefined) {
        const key = `${name}@${pushed.subject}`;
        listings.set(key, [...(listings.get(key) ?? []), descriptorOf(manifest)]);
      }
      return digest;
    },
    putBlob: (name, bytes, mediaType, annotations = {}) => {
      const digest = digestOf(bytes);
      blobs.set(`${name}@${digest}`, bytes);
      return { mediaType, digest, size: bytes.byteLength, annotations };
    },
    remove: (name, what) => {
      for (const map of [content, blobs]) map.delete(`${name}@${what}`);
      tags.delete(`${name}:${what}`);
    },
    listPoorly: () => {
      poor = true;
    },
    listUnderTag: (name, subject, listing) => {
      fallbacks.set(`${name}@${subject}`, listing);
    },
    list: (name, subject, listing) => {
      listings.set(`${name}@${subject}`, listing);
    },
    fail: (call, error) => {
      faults.set(call, error);
      return () => void faults.delete(call);
    },
    hold: (call) => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      gates.set(
        call,
        promise.then(() => void gates.delete(call)),
      );
      return () => {
        resolve(undefined);
      };
    },
  };
}

/** A manifest or descriptor without the annotations that were not asked for, as a client answers it. */
function keeping<T>(of: T, keys: AnnotationKeys | undefined): T {
  const copy = structuredClone(of);
  const kept = keepAnnotations(copy, keys);
  if (!kept.ok) throw new Error(JSON.stringify(kept.problems));
  return copy;
}

function bare(image: PinnedRef): string {
  return `${nameOf(image)}@${image.digest}`;
}

function matching<T>(map: ReadonlyMap<string, T>, call: string): T | undefined {
  return [...map].find(([prefix]) => call.startsWith(prefix))?.[1];
}

async function passGate(gate: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  if (!gate) return;
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => {
    resolve(undefined);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  await Promise.race([gate, aborted]);
  signal.removeEventListener('abort', onAbort);
}

function manifestOf({ annotations, artifactType, layers = [], manifests, subject, ...more }: Push): Manifest {
  const { config = { mediaType: MEDIA_TYPE.empty, digest: digestOf('{}'), size: 2 } } = more;
  const mediaType = manifests ? MEDIA_TYPE.ociIndex : MEDIA_TYPE.ociManifest;
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      artifactType,
      annotations,
      ...(manifests ? { manifests } : { config, layers }),
      ...(subject !== undefined && {
        subject: { mediaType: MEDIA_TYPE.ociManifest, digest: subject, size: 1 },
      }),
    }),
  );
  const manifest = parseManifest(bytes, digestOf(bytes), mediaType);
  if (!manifest.ok) throw new Error(JSON.stringify(manifest.problems));
  return manifest.value;
}

function descriptorOf(manifest: Manifest): Descriptor {
  const { mediaType, digest, size, annotations } = manifest;
  const artifactType = artifactTypeOf(manifest);
  return { mediaType, digest, size, annotations, ...(artifactType !== undefined && { artifactType }) };
}

function poorly({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size, annotations: {} };
}
