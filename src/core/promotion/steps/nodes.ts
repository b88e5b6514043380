import pLimit from 'p-limit';
import { pin, type Manifest, type PinnedRef, type Reason } from '../../model/index.ts';
import { together } from '../concurrency.ts';
import { nodesOf, type ImageNode } from '../graph/nodes.ts';
import type { TargetRegistry } from '../ports.ts';
import type { Learned } from './step.ts';
import { rootOf } from './write.ts';

/** Manifests of one image that are marked or written about at the same time. */
const AT_ONCE = 8;

/** Everything of a copied image that can be pulled by itself. */
export function copiedNodes(learned: Pick<Learned, 'graph'>): Promise<readonly ImageNode[]> {
  const copied = new Map(learned.graph?.manifests.map(({ manifest }) => [manifest.digest, manifest]));
  return nodesOf(rootOf(learned), (digest) => Promise.resolve(copied.get(digest)));
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
 * Marks every manifest of an image, the image itself last: if that one bears the mark, all of them do, however often the work was
 * interrupted. `mark` answers whether it had to write; so does this.
 */
export async function markEach(
  [root, ...below]: readonly ImageNode[],
  mark: (about: Manifest) => Promise<boolean>,
): Promise<boolean> {
  const limit = pLimit(AT_ONCE);
  const wrote = await Promise.all(below.map(({ manifest }) => limit(() => mark(manifest))));
  return (root !== undefined && (await mark(root.manifest))) || wrote.includes(true);
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
