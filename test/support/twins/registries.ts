import {
  digestOf,
  Fault,
  formatReference,
  nameOf,
  type Descriptor,
  type ManifestContent,
} from '../../../src/core/model/index.ts';
import { extendManifest } from '../../../src/core/model/extension.ts';
import type { TargetRegistry } from '../../../src/core/promotion/index.ts';
import { createStore, type Manners } from './registries-store.ts';
import { faultOf } from './registry.ts';

/** Registries in memory behind the ports of promotion, with a log of calls, faults and gates. */
export interface RegistriesTwin extends TargetRegistry {
  /** Every call so far, e.g. `content registry.example.com/shop/web:1.4`. */
  readonly calls: string[];
  /** How often an operation was called so far; of one repository where it is named. */
  count(operation: string, name?: string): number;
  /** Stores a blob and returns its descriptor. */
  putBlob(name: string, bytes: Uint8Array | string, mediaType: string): Descriptor;
  /** Stores a manifest as it is, and points the tag to it. */
  putManifest(name: string, body: Readonly<Record<string, unknown>>, tag?: string): ManifestContent;
  /** The content under a digest or tag. */
  peek(name: string, what: string): ManifestContent | undefined;
  /** Everything in a repository, as plain data: digests of manifests and blobs, and tags. */
  contents(name: string): { manifests: string[]; blobs: string[]; tags: Record<string, string> };
  /** Deletes a manifest, blob or tag. */
  remove(name: string, what: string): void;
  /** Sets the behaviour of the registry of this host. */
  manners(host: string, manners: Partial<Manners>): void;
  /** Lists these besides the real referrers of a manifest. */
  listAlso(name: string, subject: string, entries: readonly Descriptor[]): void;
  /** Makes calls fail whose text (see `calls`) begins with `call`; returns a function that ends this. */
  fail(call: string, error: unknown): () => void;
  /** Holds calls back whose text begins with `call`, until they are released or aborted. */
  hold(call: string): () => void;
}

/** Empty registries. */
export function createRegistriesTwin(): RegistriesTwin {
  const world = createStore();
  const { at, how, find, describe, underTag } = world;
  const extra = new Map<string, readonly Descriptor[]>();
  const calls: string[] = [];
  const faults = new Map<string, unknown>();
  const gates = new Map<string, Promise<void>>();
  const arriving = new Map<string, Promise<unknown>>();

  const matching = <T>(map: ReadonlyMap<string, T>, call: string): T | undefined =>
    [...map].find(([prefix]) => call.startsWith(prefix))?.[1];

  /** Records a call, waits at its gate, and fails if a test set that. */
  const enter = async (operation: string, subject: string, signal: AbortSignal): Promise<void> => {
    const call = `${operation} ${subject}`;
    calls.push(call);
    const gate = matching(gates, call);
    if (gate) {
      const aborted = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([gate, aborted]);
    }
    if (signal.aborted) throw faultOf('DeadlineExceeded');
    const error = matching(faults, call);
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- whatever a test wants to be thrown
    if (error !== undefined) throw error;
  };

  const twin: RegistriesTwin = {
    calls,
    count: (operation, name = '') => calls.filter((call) => call.startsWith(`${operation} ${name}`)).length,

    manifest: async (ref, signal) => {
      await enter('manifest', formatReference(ref), signal);
      return find(ref)?.manifest;
    },
    content: async (ref, signal) => {
      await enter('content', formatReference(ref), signal);
      return find(ref);
    },
    tagDigest: async (ref, signal) => {
      await enter('tagDigest', formatReference(ref), signal);
      return find(ref)?.manifest.digest;
    },
    referrers: async (image, signal) => {
      const name = nameOf(image);
      await enter('referrers', `${name}@${image.digest}`, signal);
      const { referrersApi, listsPoorly } = how(image.registry);
      const real = [...at(name).manifests.values()].filter(
        ({ manifest }) => manifest.subject?.digest === image.digest,
      );
      const listed = referrersApi ? real.map(describe) : underTag(image, image.digest);
      const all = [...listed, ...(extra.get(`${name}@${image.digest}`) ?? [])];
      return listsPoorly
        ? all.map(({ mediaType, digest, size }) => ({ mediaType, digest, size, annotations: {} }))
        : all;
    },
    fallbackReferrers: async (image, signal) => {
      await enter('fallbackReferrers', `${nameOf(image)}@${image.digest}`, signal);
      return underTag(image, image.digest);
    },
    blob: async (repository, { digest, size }, maxBytes, signal) => {
      await enter('blob', `${nameOf(repository)}@${digest}`, signal);
      if (size > maxBytes) throw faultOf('LimitExceeded', false);
      return at(nameOf(repository)).blobs.get(digest);
    },
    openBlob: async (repository, { digest }, offset, signal) => {
      await enter('openBlob', `${nameOf(repository)}@${digest}`, signal);
      const bytes = at(nameOf(repository)).blobs.get(digest);
      return bytes && pieces(bytes.subarray(offset));
    },
    tags: async (repository, signal) => {
      await enter('tags', nameOf(repository), signal);
      const known = world.known(nameOf(repository));
      return known && [...known.tags.keys()];
    },

    transferBlob: async ({ blob, source, from, to, onBytes, maybeThere }, signal) => {
      const name = nameOf(to);
      const key = `${name}@${blob.digest}`;
      await enter('transferBlob', key, signal);
      if (maybeThere && at(name).blobs.has(blob.digest)) return 'present';
      const under = arriving.get(key);
      if (under) {
        await under;
        return 'shared';
      }
      const mounted = from.registry === to.registry ? at(nameOf(from)).blobs.get(blob.digest) : undefined;
      if (mounted) {
        at(name).blobs.set(blob.digest, mounted);
        return 'mounted';
      }
      const copy = (async () => {
        const stream = await source.openBlob(from, blob, 0, signal);
        if (!stream) throw missing('source');
        const bytes: Uint8Array[] = [];
        for await (const piece of stream) {
          bytes.push(piece);
          onBytes?.(piece.byteLength);
        }
        const whole = Buffer.concat(bytes);
        if (digestOf(whole) !== blob.digest || whole.byteLength !== blob.size)
          throw faultOf('RegistryMisbehaved', false);
        at(name).blobs.set(blob.digest, whole);
      })();
      arriving.set(key, copy);
      await copy.finally(() => arriving.delete(key));
      return 'copied';
    },
    hasBlob: async (repository, digest, signal) => {
      await enter('hasBlob', `${nameOf(repository)}@${digest}`, signal);
      return at(nameOf(repository)).blobs.has(digest);
    },
    digestOf: (bytes) => Promise.resolve(digestOf(bytes)),
    pushBlob: async (repository, bytes, signal) => {
      const digest = digestOf(bytes);
      await enter('pushBlob', `${nameOf(repository)}@${digest}`, signal);
      at(nameOf(repository)).blobs.set(digest, bytes);
      return digest;
    },
    extendManifest: (_, extension) => {
      const read = extendManifest(extension);
      return read.ok ? Promise.resolve(read.value) : Promise.reject(faultOf('RegistryMisbehaved', false));
    },
    pushManifest: async (to, content, signal) => {
      const name = nameOf(to);
      await enter('pushManifest', formatReference(to), signal);
      const { bytes, manifest } = content;
      if (to.digest !== undefined && digestOf(bytes) !== to.digest)
        throw faultOf('RegistryMisbehaved', false);
      if (how(to.registry).strict && world.lacks(name, content)) throw faultOf('RegistryMisbehaved', false);
      world.put(
        name,
        world.read(name, bytes, manifest.mediaType),
        to.digest === undefined ? to.tag : undefined,
      );
    },
    deleteManifest: async (image, signal) => {
      await enter('deleteManifest', formatReference(image), signal);
      const { manifests, tags } = at(nameOf(image));
      for (const [tag, digest] of tags) if (digest === image.digest) tags.delete(tag);
      return manifests.delete(image.digest) ? 'deleted' : 'absent';
    },
    deleteTag: async (ref, signal) => {
      await enter('deleteTag', formatReference(ref), signal);
      return at(nameOf(ref)).tags.delete(ref.tag ?? '') ? 'deleted' : 'absent';
    },
    restMs: () => Promise.resolve(0),

    putBlob: (name, bytes, mediaType) => {
      const stored = Buffer.from(bytes);
      const digest = digestOf(stored);
      at(name).blobs.set(digest, stored);
      return { mediaType, digest, size: stored.byteLength, annotations: {} };
    },
    putManifest: (name, body, tag) => {
      const content = world.read(name, new TextEncoder().encode(JSON.stringify(body)));
      world.put(name, content, tag);
      return content;
    },
    peek: (name, what) => at(name).manifests.get(at(name).tags.get(what) ?? what),
    contents: (name) => {
      const { manifests, blobs, tags } = at(name);
      return {
        manifests: [...manifests.keys()].sort(),
        blobs: [...blobs.keys()].sort(),
        tags: Object.fromEntries([...tags].sort()),
      };
    },
    remove: (name, what) => {
      for (const map of Object.values(at(name)) as Map<string, unknown>[]) map.delete(what);
    },
    manners: (host, manners) => world.manners(host, manners),
    listAlso: (name, subject, entries) => void extra.set(`${name}@${subject}`, entries),
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
      return () => resolve(undefined);
    },
  };
  return twin;
}

function missing(side: Fault['side']): Fault {
  return new Fault({
    code: 'RegistryMisbehaved',
    operation: 'copy a blob',
    side,
    transient: false,
    detail: 'it is gone',
  });
}

/** Bytes in chunks, as from a network. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const half = Math.ceil(bytes.byteLength / 2);
  for (const piece of [bytes.subarray(0, half), bytes.subarray(half)]) if (piece.byteLength > 0) yield piece;
}
