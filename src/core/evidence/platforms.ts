import pLimit from 'p-limit';
import { isIndexType, isManifestType, unknown } from '../model/index.ts';
import type { Descriptor, Digest, Manifest, Platform, Unknown } from '../model/index.ts';
import { BUILDKIT_SUBJECT } from './signature-layers.ts';

/** What BuildKit writes for the operating system and for the architecture of its statements. No node has either. */
const NOWHERE = 'unknown';
const IN_TOTO = 'application/vnd.in-toto+json';

/**
 * Whether a child of an index is no platform, but statements about one. The mark of BuildKit is a claim that anyone can write, and that
 * tools lose which write an index anew: runtimes do not read it. They choose by platform, and a child without one by its config
 * (containerd) or where nothing else fits (CRI-O). So an image manifest whose platform no node can have counts as statements, and no other.
 */
export function isStatements({ platform, mediaType }: Descriptor): boolean {
  if (!isManifestType(mediaType) || isIndexType(mediaType)) return false;
  return platform?.os === NOWHERE && platform.architecture === NOWHERE;
}

/** The children of an index that hold statements about this one of its children; which one they name is their claim. */
export function statementsAbout(index: Manifest, child: Digest): readonly Descriptor[] {
  return index.manifests.filter((one) => isStatements(one) && one.annotations[BUILDKIT_SUBJECT] === child);
}

/** Whether a manifest holds statements and nothing that a container could run. */
export function holdsOnlyStatements({ layers }: Pick<Manifest, 'layers'>): boolean {
  return layers.length > 0 && layers.every(({ mediaType }) => mediaType === IN_TOTO);
}

/** An image that a runtime may come to from an index. */
export interface RunnableImage {
  readonly digest: Digest;
  /** E.g. `linux/arm64/v8`, as its own entry says or that of an index above it; empty where none does. */
  readonly platform: string;
  /** The index that lists it; the image itself where there is no index. */
  readonly listedBy: Manifest;
}

/** Reads a child of the image; `undefined` = it is not there. */
export type ReadChild = (child: Descriptor) => Promise<Manifest | Unknown | undefined>;

/** Most images of one index, and most indexes in it; real ones have fewer than twenty, and every one is read and judged. */
const MAX_IMAGES = 64;
const MAX_INDEXES = 32;
/** Most levels of indexes: runtimes follow any number, people build two. */
const MAX_LEVELS = 8;
/** Manifests of one image that are read at the same time. */
const READ_AT_ONCE = 4;

/** A child with the platform that the way to it names. */
interface Placed {
  readonly child: Descriptor;
  readonly platform: Platform | undefined;
  readonly listedBy: Manifest;
}

/** A child with its content, where that is an index. */
interface Opened extends Placed {
  readonly index?: Manifest;
}

/**
 * Every image that a runtime could pick from this one for any platform, by the rules of containerd (`images.Manifest`, `platforms`)
 * and of CRI-O (containers/image, `ChooseInstance`): children without a platform, in nested indexes, of any variant, listed more
 * than once, and those that call themselves statements but name a platform. An image without index is its own only one. What
 * is judged, scanned, kept and released by platform is this list. Unknown with `AmbiguousIndex` where runtimes would not agree what
 * is listed, with `LimitExceeded` where there is more than is read.
 */
export async function listRunnable(
  root: Manifest,
  read: ReadChild,
): Promise<readonly RunnableImage[] | Unknown> {
  if (!isIndexType(root.mediaType)) return [{ digest: root.digest, platform: '', listedBy: root }];
  const images: Placed[] = [];
  const known = new Set<Digest>([root.digest]);
  let level: readonly Placed[] = placeChildren(root, undefined);
  for (let depth = 1; level.length > 0; depth += 1) {
    const odd = oddType(level) ?? tooMuch(level, images.length, depth);
    if (odd) return odd;
    const opened = await open(level, read);
    if ('state' in opened) return opened;
    images.push(...opened.filter(({ index }) => !index));
    const nested = opened.filter(({ child }) => !known.has(child.digest));
    level = nested.flatMap(({ index, platform }) => (index ? placeChildren(index, platform) : []));
    for (const { child } of nested) known.add(child.digest);
  }
  return rivals(images) ?? namesOf(images);
}

/** The children of an index that a runtime could follow. A platform of an index above holds for what does not name its own. */
function placeChildren(listedBy: Manifest, above: Platform | undefined): readonly Placed[] {
  const children = listedBy.manifests.filter((child) => !isStatements(child));
  return children.map((child) => ({ child, platform: child.platform ?? above, listedBy }));
}

/** Each digest once: of the same content it does not matter which entry a runtime took. */
function namesOf(images: readonly Placed[]): readonly RunnableImage[] {
  const first = new Map(images.toReversed().map((one) => [one.child.digest, one]));
  return [...first.values()].toReversed().map(({ child: { digest }, platform, listedBy }) => {
    return { digest, platform: describePlatform(platform), listedBy };
  });
}

/** The children with their content where that is an index; one that is not there is kept, and fails what is asked of it next. */
async function open(level: readonly Placed[], read: ReadChild): Promise<readonly Opened[] | Unknown> {
  const atOnce = pLimit(READ_AT_ONCE);
  const opened = await Promise.all(
    level.map((placed) =>
      atOnce(async () => {
        const content = await read(placed.child);
        if (!content) return placed;
        if ('state' in content) return content;
        return mislabelled(placed.child, content) ?? withIndex(placed, content);
      }),
    ),
  );
  const unread = opened.find((one): one is Unknown => 'state' in one);
  return unread ?? opened.filter((one): one is Opened => !('state' in one));
}

function withIndex(placed: Placed, content: Manifest): Opened {
  return isIndexType(content.mediaType) ? { ...placed, index: content } : placed;
}

function tooMuch(level: readonly Placed[], before: number, depth: number): Unknown | undefined {
  const indexes = level.filter(({ child }) => isIndexType(child.mediaType)).length;
  const images = before + level.length - indexes;
  const limit = (what: string) => unknown('LimitExceeded', `the index has ${what} are read`);
  if (depth > MAX_LEVELS) return limit(`more levels of indexes than the ${MAX_LEVELS} that`);
  if (indexes > MAX_INDEXES) return limit(`${indexes} indexes on one level, ${MAX_INDEXES}`);
  return images > MAX_IMAGES ? limit(`${images} platforms, ${MAX_IMAGES}`) : undefined;
}

/** A child that is listed as something that only some runtimes take for an image. */
function oddType(level: readonly Placed[]): Unknown | undefined {
  const odd = level.find(({ child }) => !isManifestType(child.mediaType))?.child;
  return odd && ambiguous(`${shown(odd)} is listed as ${odd.mediaType}, which is no image and no index`);
}

function mislabelled(child: Descriptor, { mediaType }: Manifest): Unknown | undefined {
  if (mediaType === child.mediaType) return undefined;
  return ambiguous(`${shown(child)} is listed as ${child.mediaType} and is ${mediaType}`);
}

/**
 * Two images whose platforms are written in two ways and are one platform to containerd, which runs the first. CRI-O compares letter
 * by letter, and may run the other.
 */
function rivals(images: readonly Placed[]): Unknown | undefined {
  const first = new Map<string, Placed>();
  for (const one of images.filter(({ platform }) => platform)) {
    const key = spellingOf(one.platform);
    const other = first.get(key) ?? one;
    first.set(key, other);
    const [a, b] = [describePlatform(other.platform), describePlatform(one.platform)];
    if (other.child.digest !== one.child.digest && a !== b)
      return ambiguous(
        `it has one image for ${a} and another for ${b}, which are one platform to some runtimes`,
      );
  }
  return undefined;
}

function ambiguous(detail: string): Unknown {
  return unknown('AmbiguousIndex', `${detail}; which image runs depends on the runtime`);
}

function shown({ digest }: Descriptor): string {
  return `${digest.slice(0, 19)}…`;
}

/** A platform for a person, e.g. `linux/arm64/v8`; empty where there is none. */
function describePlatform(platform: Platform | undefined): string {
  const parts = [platform?.os, platform?.architecture, platform?.variant];
  return parts.filter((part) => part !== undefined && part !== '').join('/');
}

/** Architectures that containerd knows by other names, some with their variant (containerd/platforms, `normalizeArch`). */
const ARCHITECTURES: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ['i386', ['386', '']],
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
]);
/** Variants that are written in more than one way, by architecture (the same function). */
const VARIANTS: ReadonlyMap<string, string> = new Map([
  ...['v1'].map((variant) => [`amd64/${variant}`, ''] as const),
  ...['8', 'v8', 'v8.0'].map((variant) => [`arm64/${variant}`, ''] as const),
  ...['9', '9.0', 'v9.0'].map((variant) => [`arm64/${variant}`, 'v9'] as const),
  ...['', '7'].map((variant) => [`arm/${variant}`, 'v7'] as const),
  ...['5', '6', '8'].map((variant) => [`arm/${variant}`, `v${variant}`] as const),
]);

/** The one spelling of a platform by which containerd compares it. */
function spellingOf(platform: Platform | undefined): string {
  const { os = '', architecture: written = '', variant: given = '' } = platform ?? {};
  const lower = written.toLowerCase();
  const [architecture, variant = given.toLowerCase()] = ARCHITECTURES.get(lower) ?? [lower];
  const system = os.toLowerCase() === 'macos' ? 'darwin' : os.toLowerCase();
  return [system, architecture, VARIANTS.get(`${architecture}/${variant}`) ?? variant].join('/');
}
