import { isPinned, nameOf, type Fact, type JudgedImage } from '../core/model/index.ts';
import {
  explainEvidence,
  needsAtFirst,
  needsNext,
  selectPolicies,
  type CompiledPolicy,
  type Labels,
} from '../core/policy/index.ts';
import { searchedPlaces } from '../core/evidence/index.ts';

/** What an image was judged by. */
export interface Circumstances {
  readonly policies: readonly CompiledPolicy[];
  readonly labels: Fact<Labels>;
  readonly now: Date;
}

/** What was searched, where, and with what result, line by line, under the policies that match the image there. */
export function explainImage({ evidence }: JudgedImage, by: Circumstances): readonly string[] {
  if (!evidence) return [];
  const { image } = evidence;
  const { applying } = selectPolicies(by.policies, nameOf(image), by.labels);
  const needs = [needsAtFirst(applying), needsNext(applying, evidence, by.now)];
  const places = needs.flatMap(({ signatures }) =>
    signatures && isPinned(image) ? searchedPlaces(image, signatures) : [],
  );
  return [
    ...[...new Set(places)].map((place) => `looked in ${place}`),
    ...explainEvidence(evidence, applying),
  ];
}
