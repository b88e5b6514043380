import {
  Fault,
  formatReference,
  isImageConfigType,
  isIndexType,
  nameOf,
  objectOf,
  parseShort,
  pin,
  textOf,
  unknown,
} from '../model/index.ts';
import type { Descriptor, Fact, ImageContents, Manifest, PinnedRef, Turn } from '../model/index.ts';
import { listRunnable } from './platforms.ts';
import { inTurn, learn, type Reading } from './ports.ts';

/** Most platforms of an index of which it is read: each is two requests, and official images have ten. */
const MAX_PLATFORMS = 16;
/** Largest config that is read, in bytes; real ones have a few thousand, those with a long history some ten thousand. */
const MAX_CONFIG_BYTES = 128 * 1024;

const BASE = 'org.opencontainers.image.base.';

/**
 * What an image says about itself, or each image that a runtime could pick from an index. Remembered by digest. More platforms, or a
 * larger config, than is read is unknown; an image without a config has `null` for it.
 */
export function contentsOf(image: PinnedRef, reading: Reading): Promise<Fact<readonly ImageContents[]>> {
  const load = async (signal: AbortSignal, turn: Turn): Promise<Fact<readonly ImageContents[]>> => {
    const shared = inTurn({ ...reading, signal }, turn);
    // All annotations, and not only those that every policy needs.
    const own = await learn(() => shared.registry.manifest(image, signal), shared);
    if (own.state !== 'found') return own;
    const { seenAt, value: root } = own;
    if (!isIndexType(root.mediaType))
      return learn(async () => [await readOne(image, root, root, shared)], shared);
    const runnable = await listRunnable(root, ({ digest }) =>
      shared.registry.manifest(pin(image, digest), signal),
    );
    if ('state' in runnable) return runnable;
    const platforms = runnable.map(({ digest }) => digest);
    if (platforms.length > MAX_PLATFORMS)
      return unknown(
        'LimitExceeded',
        `its index has ${platforms.length} platforms, and of ${MAX_PLATFORMS} is read what they say`,
      );
    const read = platforms.map((digest) =>
      learn(async () => {
        const platform = await shared.registry.manifest(pin(image, digest), signal);
        return platform && readOne(image, root, platform, shared);
      }, shared),
    );
    const all = await Promise.all(read);
    const gone = all.find(({ state }) => state !== 'found');
    if (gone?.state === 'unknown') return gone;
    if (gone) return unknown('ImageNotFound', 'its index lists an image that is not there');
    return {
      state: 'found',
      seenAt,
      value: all.flatMap((one) => (one.state === 'found' ? [one.value] : [])),
    };
  };
  return reading.memory.recall({ key: ['contents', nameOf(image), image.digest], load }, reading.signal);
}

async function readOne(
  image: PinnedRef,
  root: Manifest,
  platform: Manifest,
  { registry, signal }: Reading,
): Promise<ImageContents> {
  const { config: described } = platform;
  const isImage = described !== undefined && isImageConfigType(described.mediaType);
  const config = isImage ? await readConfig(described) : null;
  async function readConfig(of: Descriptor): Promise<unknown> {
    const bytes = await registry.blob(image, of, MAX_CONFIG_BYTES, signal);
    const read = bytes && parseShort(bytes);
    if (read !== undefined) return read;
    throw new Fault({
      code: 'UnreadableEvidence',
      operation: `read the config of ${formatReference(pin(image, platform.digest))}`,
      side: 'source',
      transient: false,
      detail: bytes ? 'it is no JSON, or has more values than are read' : 'it is not there',
    });
  }
  const annotations = { ...platform.annotations, ...root.annotations };
  const labels = objectOf(objectOf(objectOf(config).config).Labels);
  const baseOf = (name: string): string => annotations[BASE + name] ?? textOf(labels[BASE + name]);
  return { annotations, base: { name: baseOf('name'), digest: baseOf('digest') }, config };
}
