import { nameOf, type ImageRef } from '../../model/index.ts';
import type { LeftOut } from './select.ts';

/** What there was to select from. */
export interface Looked {
  /** The repository. */
  readonly from: ImageRef;
  /** How many tags it lists; absent = it was not asked for a list. */
  readonly listed?: number;
  /** What is left out although its name matches. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * Says why nothing is selected, in one clause. Some registries list no tag of a repository that they do not have, where others say
 * that there is none: a mistyped name and an empty repository give the same answer.
 */
export function nothingSelected({ from, listed, leftOut }: Looked): string {
  const nothing = `no tag of ${nameOf(from)} is selected`;
  const whys = [...new Set(leftOut.map(({ why }) => why))].join(', ');
  const but = leftOut.length === 0 ? '' : `, ${String(leftOut.length)} left out as ${whys}`;
  if (listed === undefined) return `${nothing}${but}`;
  if (listed === 0)
    return `${nothing}: the repository lists no tag at all; it is empty, or its name is mistyped${but}`;
  return `${nothing}: the repository lists ${String(listed)} ${listed === 1 ? 'tag' : 'tags'}${but}`;
}
