import { parsed, type Parsed } from '../../model/index.ts';
import { orFault } from '../concurrency.ts';
import { compileRoutes } from '../selection/repositories.ts';
import type { OpeningContext } from './context.ts';
import { expandRoutes } from './expand.ts';
import { specOf } from './many.ts';
import {
  rejudgeTarget,
  type ImageAtTarget,
  type JudgedAtTarget,
  type TargetJudgement,
} from './rejudge-target.ts';
import type { NamespacedPromotion } from './secrets.ts';
import { failureIn, failureOf, sharedBy, type RepositoryFailure } from './share.ts';

/**
 * Judges again what a promotion from many repositories has promoted, one target after the other. A target that cannot be read is
 * counted, and the others are judged.
 */
export async function rejudgeMany(
  promotion: NamespacedPromotion & { readonly known: readonly ImageAtTarget[] },
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<TargetJudgement | undefined>> {
  const routes = compileRoutes(promotion.spec);
  if (!routes.ok) return routes;
  const shared = sharedBy(promotion, context);
  const known = Map.groupBy(promotion.known, ({ repository = '' }) => repository);
  try {
    const expanded = await expandRoutes(routes.value, shared, signal);
    // What is no longer listed may still lie at the target.
    const others = [...known.keys()].flatMap((from) => routes.value.routeOf(from) ?? []);
    const all = new Map([...expanded.routes, ...others].map((route) => [route.from, route]));
    const judgements: TargetJudgement[] = [];
    for (const route of all.values()) {
      const ours = known.get(route.from) ?? [];
      const one = { ...shared.promotion, spec: specOf(promotion.spec, route), known: ours };
      const judge = async (): Promise<TargetJudgement | undefined> => {
        const judged = await rejudgeTarget(one, shared.context, signal);
        return judged.ok ? judged.value : unjudged(ours, failureIn(judged.problems));
      };
      const judgement = await orFault(judge(), (fault) => unjudged(ours, failureOf(fault)), signal);
      // No report counts, here and for all others.
      if (!judgement) return parsed(undefined);
      judgements.push({
        ...judgement,
        judged: judgement.judged.map((image) => ({ ...image, repository: route.from })),
      });
    }
    const reason = judgements.find((one) => one.reason)?.reason;
    return parsed({
      judged: judgements.flatMap((one): readonly JudgedAtTarget[] => one.judged),
      unseen: judgements.reduce((sum, { unseen }) => sum + unseen, 0),
      ...(reason && { reason }),
    });
  } finally {
    await shared.close();
  }
}

function unjudged(known: readonly ImageAtTarget[], { code, detail }: RepositoryFailure): TargetJudgement {
  return { judged: [], unseen: Math.max(1, known.length), reason: { code, detail } };
}
