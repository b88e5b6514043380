import { digestAlgorithm, digestHex, nameOf, type ImageRef, type PinnedRef } from '../model/index.ts';
import type { SignatureNeeds } from '../policy/index.ts';

/** A repository in which signatures of an image may lie: its own, and those that authorities name. */
export type Place = Pick<ImageRef, 'registry' | 'repository'>;

/** Every repository to look in, each once, that of the image first. */
export function placesOf(image: PinnedRef, repositories: readonly ImageRef[]): readonly Place[] {
  const all = [image, ...repositories].map(({ registry, repository }) => ({ registry, repository }));
  return [...new Map(all.map((place) => [nameOf(place), place])).values()];
}

/** Everywhere that is looked for signatures and statements of an image, for a person. */
export function searchedPlaces(image: PinnedRef, needs: SignatureNeeds): readonly string[] {
  const tags = [
    ...(needs.signatures ? [cosignTag(image, 'sig')] : []),
    ...(needs.predicateTypes.length > 0 ? [cosignTag(image, 'att')] : []),
  ];
  return placesOf(image, needs.repositories).flatMap((place) => [
    ...tags.map((tag) => `tag ${nameOf(place)}:${tag}`),
    `referrers of ${image.digest} in ${nameOf(place)}`,
  ]);
}

/** The tag under which cosign 2 keeps signatures (`sig`) or attestations (`att`) of a digest. */
export function cosignTag({ digest }: PinnedRef, suffix: 'sig' | 'att'): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest)}.${suffix}`;
}
