import pLimit from 'p-limit';
import { holdsOnlyStatements, isStatements } from '../../evidence/index.ts';
import { Fault, pin } from '../../model/index.ts';
import type { Descriptor, Digest, Manifest, PinnedRef, Reason } from '../../model/index.ts';
import { together } from '../concurrency.ts';
import type { TargetRegistry } from '../ports.ts';
import type { Graph } from './graph.ts';

/**
 * Most manifests of one image that get a mark of their own: 64 platforms with the statements of each, and their indexes. Each is
 * some requests; more is no image that people build.
 */
export const MAX_NODES = 160;

/** A manifest of an image that can be pulled by its own digest. */
export interface ImageNode {
  readonly manifest: Manifest;
  /** Whether a runtime may come to it from the index; else it is one that calls itself statements and may hold an image. */
  readonly isPicked: boolean;
}

/**
 * Every manifest of an image that a person can pull by itself: the image, and below its index each child at any depth, however it
 * calls itself; `read` gives `undefined` for one that is not there. What says something about the image (a flag, an end of life) has to stand on each. The index comes first. Throws a
 * Fault `LimitExceeded` for more than {@link MAX_NODES}.
 */
export async function nodesOf(
  root: Manifest,
  read: (digest: Digest) => Promise<Manifest | undefined>,
): Promise<readonly ImageNode[]> {
  const nodes = new Map<Digest, ImageNode>([[root.digest, { manifest: root, isPicked: true }]]);
  // A map that grows while it is walked: each digest once, so that nothing leads in a circle.
  for (const { manifest: index, isPicked } of nodes.values())
    for (const child of index.manifests) {
      const known = nodes.get(child.digest);
      const manifest = known?.manifest ?? (await read(child.digest));
      if (!manifest || isOnlyStatements(child, manifest)) continue;
      nodes.set(child.digest, { manifest, isPicked: isPickedBelow(isPicked, child) || isPickedAt(known) });
      if (nodes.size > MAX_NODES) throw tooMany(root);
    }
  return [...nodes.values()];
}

function isPickedBelow(isPicked: boolean, child: Descriptor): boolean {
  return isPicked && !isStatements(child);
}

function isPickedAt(known: ImageNode | undefined): boolean {
  return known?.isPicked === true;
}

function isOnlyStatements(child: Descriptor, manifest: Manifest): boolean {
  return isStatements(child) && holdsOnlyStatements(manifest);
}

function tooMany({ digest }: Manifest): Fault {
  return new Fault({
    code: 'LimitExceeded',
    operation: `list the platforms of ${digest}`,
    side: 'target',
    transient: false,
    detail: `there are more than ${MAX_NODES}`,
  });
}

/** Manifests of one image that are marked or written about at the same time. */
const AT_ONCE = 8;

/** Everything of a copied image that can be pulled by itself. */
export function copiedNodes({ graph }: { readonly graph?: Graph }): Promise<readonly ImageNode[]> {
  if (!graph) throw new Error('nothing was copied yet');
  const copied = new Map(graph.manifests.map(({ manifest }) => [manifest.digest, manifest]));
  return nodesOf(graph.root.manifest, (digest) => Promise.resolve(copied.get(digest)));
}

/** The same of an image that lies at a registry. */
export function nodesAt(
  registry: Pick<TargetRegistry, 'manifest'>,
  image: PinnedRef,
  root: Manifest,
  signal: AbortSignal,
): Promise<readonly ImageNode[]> {
  return nodesOf(root, (digest) => registry.manifest(pin(image, digest), signal));
}

/**
 * Marks every manifest of an image that is not marked, the image itself last: if that one bears the mark, all of them do, however
 * often the work was interrupted. All are looked at together. Answers whether there was one to mark.
 */
export async function markEach(
  nodes: readonly ImageNode[],
  isMarked: (about: Manifest) => Promise<boolean>,
  mark: (about: Manifest) => Promise<unknown>,
): Promise<boolean> {
  const limit = pLimit(AT_ONCE);
  const marked = await Promise.all(nodes.map(({ manifest }) => limit(() => isMarked(manifest))));
  const open = nodes.filter((_, at) => marked[at] !== true);
  const [root] = nodes;
  const below = open.filter((node) => node !== root);
  await Promise.all(below.map(({ manifest }) => limit(() => mark(manifest))));
  if (root && open.includes(root)) await mark(root.manifest);
  return open.length > 0;
}

/** Writes several things about an image at the same time. The first reason for which one of them cannot be written, in their order. */
export function writeEach(
  writes: readonly ((signal: AbortSignal) => Promise<Reason | undefined>)[],
  signal: AbortSignal,
): Promise<Reason | undefined> {
  return together(signal, async (inner, start) => {
    const limit = pLimit(AT_ONCE);
    const refused = await Promise.all(writes.map((write) => start(() => limit(() => write(inner)))));
    return refused.find((one) => one !== undefined);
  });
}
