import { pin, type Descriptor, type ImageRef, type Manifest } from '../../model/index.ts';
import type { TargetRegistry } from '../ports.ts';
import { subjectOf, type Artifact } from '../records/artifact.ts';
import { pushArtifact } from '../records/push.ts';
import type { Learned } from './task.ts';

/** Where something is written about an image. */
export interface WritePlace {
  readonly target: TargetRegistry;
  /** The repository at the target. */
  readonly to: ImageRef;
  /** The image that it is about, as it lies there. */
  readonly about: Manifest;
}

/** The image as it lies at the target; only steps behind the copy ask for it. */
export function rootOf({ graph }: Pick<Learned, 'graph'>): Manifest {
  if (!graph) throw new Error('nothing was copied yet');
  return graph.root.manifest;
}

/** Lists what refers to the image at the target. */
export function referrersAt(
  { target, to, about }: WritePlace,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  return target.referrers(pin(to, about.digest), signal);
}

/** Pushes what refers to the image, under its own digest. */
export async function attach(
  { target, to: { registry, repository } }: Pick<WritePlace, 'target' | 'to'>,
  artifact: Artifact,
  signal: AbortSignal,
): Promise<Descriptor> {
  await pushArtifact({ registry: target, to: { registry, repository }, artifact }, signal);
  return subjectOf(artifact.content.manifest);
}
