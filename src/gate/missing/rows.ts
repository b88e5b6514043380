import type { ImagePromotionRunStatus, RunImage } from '../../core/promotion/index.ts';
import type { Stage } from './stages.ts';

/** The runs of a promotion that say something: the one that is under way, and the last one that ended. */
export interface StageRuns {
  readonly active?: ImagePromotionRunStatus | undefined;
  readonly last?: ImagePromotionRunStatus | undefined;
}

/** What is known when a caller asks. `digest` = the one that the image has before this promotion. */
export interface Known {
  readonly digest: string | undefined;
  readonly now: Date;
}

/** The row of an image in the first of these runs that has one; a row about another digest is about another image. */
export function rowOf(
  { promotion, from, tag, targetTag }: Stage,
  runs: readonly (ImagePromotionRunStatus | undefined)[],
  { digest }: Known,
): RunImage | undefined {
  const isOne = promotion.spec.source.repository !== undefined;
  const rows = runs
    .flatMap((run) => run?.images ?? [])
    .filter(({ repository }) => isOne || repository === from);
  const has = ({ source, target }: RunImage): boolean => source === digest || target === digest;
  if (tag === undefined) return digest === undefined ? undefined : rows.find(has);
  const isOfTag = (row: RunImage): boolean => digest === undefined || row.source === undefined || has(row);
  const isCalledSo = (row: RunImage): boolean => row.targetTag === undefined || row.targetTag === targetTag;
  return rows.find((row) => row.tag === tag && isCalledSo(row) && isOfTag(row));
}
