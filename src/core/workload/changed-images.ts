import type { ImageUse } from './extract-images.ts';

/**
 * The uses of `now` that `before` does not have: a new container, a changed image, a container that became another kind
 * of container. Order and field do not matter; of several uses that look the same, as many count as there are more of.
 */
export function changedImages(now: readonly ImageUse[], before: readonly ImageUse[]): readonly ImageUse[] {
  const left = new Map<string, number>();
  for (const use of before) left.set(keyOf(use), (left.get(keyOf(use)) ?? 0) + 1);
  return now.filter((use) => {
    const count = left.get(keyOf(use)) ?? 0;
    left.set(keyOf(use), count - 1);
    return count <= 0;
  });
}

function keyOf({ role, container, image }: ImageUse): string {
  return JSON.stringify([role, container, image]);
}
