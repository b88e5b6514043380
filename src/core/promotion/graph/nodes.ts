import { holdsOnlyStatements, isStatements } from '../../evidence/index.ts';
import { Fault } from '../../model/index.ts';
import type { Descriptor, Digest, Manifest } from '../../model/index.ts';

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
