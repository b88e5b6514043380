import type { Fact } from '../model/index.ts';
import type { CompiledPolicy } from './compile/compile.ts';
import type { Labels } from './compile/labels.ts';

/** The policies that match one image in one namespace. */
export interface Selection {
  readonly applying: readonly CompiledPolicy[];
  /** Policies that select namespaces, while the labels of this one are unknown: they may or may not apply. */
  readonly undecided: readonly CompiledPolicy[];
  /** What is known about the namespace's labels. */
  readonly labels: Fact<Labels>;
}

/** Selects by normalised image name and namespace labels. A namespace that cannot be read loosens nothing (CVE-2025-46342). */
export function selectPolicies(
  policies: readonly CompiledPolicy[],
  imageName: string,
  labels: Fact<Labels>,
): Selection {
  const covering = policies.filter((policy) => policy.coversImage(imageName));
  const known = labels.state === 'found' ? labels.value : undefined;
  return {
    applying: covering.filter(({ coversNamespace }) => !coversNamespace || (known && coversNamespace(known))),
    undecided: covering.filter(({ coversNamespace }) => coversNamespace && !known),
    labels,
  };
}
