import type { Parsed } from '../../model/index.ts';
import type { Execution } from '../execute.ts';
import type { OpeningContext } from './context.ts';
import { openOne, type PromotionToOpen } from './open-execution.ts';
import { rejudgeTarget, type PromotionToRejudge, type TargetJudgement } from './rejudge-target.ts';

/** Opens a promotion: its sides with their logins, its signer, its scanner. Problems name the field. */
export async function openExecution(
  promotion: PromotionToOpen,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<Execution>> {
  if (!promotion.spec.source.repositories) return openOne(promotion, context, signal);
  const { openMany } = await import('./many.ts');
  return openMany(promotion, context, signal);
}

/**
 * Judges what a promotion has promoted, as it lies at its targets, by reports of its own signer and of `scan.authorities`; `undefined` =
 * no report would count. Problems name the field.
 */
export async function rejudge(
  promotion: PromotionToRejudge,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<TargetJudgement | undefined>> {
  if (!promotion.spec.source.repositories) return rejudgeTarget(promotion, context, signal);
  const { rejudgeMany } = await import('./rejudge-many.ts');
  return rejudgeMany(promotion, context, signal);
}
