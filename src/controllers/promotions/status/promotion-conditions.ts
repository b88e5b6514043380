import type { Reason } from '../../../core/model/index.ts';
import type { ImagePromotionSpec, ImagePromotionStatus } from '../../../core/promotion/index.ts';
import { type Condition, type ConditionContent } from '../../../core/model/index.ts';
import type { RecordedRun } from '../run/recorded-run.ts';

/** The facts for the conditions of a promotion, besides its status. */
export interface ConditionFacts {
  readonly generation: number;
  readonly spec?: Pick<ImagePromotionSpec, 'suspend'>;
  readonly runs: readonly RecordedRun[];
  /** The run that is under way. */
  readonly active?: RecordedRun;
  readonly obstacle?: Reason;
}

type Answer = readonly [status: Condition['status'], reason: string, message: string];

/** Conditions as kstatus reads them. An image that a gate stops is a result: the promotion works as specified. */
export function promotionConditions(
  status: ImagePromotionStatus,
  facts: ConditionFacts,
): readonly ConditionContent[] {
  return [
    condition('Ready', readyOf(status, facts)),
    condition('Reconciling', reconcilingOf(facts)),
    condition('Stalled', stalledOf(facts)),
    condition('Flagged', flaggedOf(status)),
  ];
}

function condition(type: string, [status, reason, message]: Answer): ConditionContent {
  return { type, status, reason, message };
}

function readyOf(
  status: ImagePromotionStatus,
  { obstacle, active, runs, generation, spec }: ConditionFacts,
): Answer {
  if (obstacle) return ['False', obstacle.code, obstacle.detail];
  const last = runs.find(({ over }) => over);
  if (last?.generation !== generation) {
    if (spec?.suspend && !active)
      return ['Unknown', 'Suspended', 'It is suspended and has not run as it is written now.'];
    return ['Unknown', 'Progressing', 'It has not run yet as it is written now.'];
  }
  if (last.failure) return ['False', last.failure.code, last.failure.message];
  if (last.nothing !== undefined) return ['True', 'NothingSelected', last.nothing];
  return wellOf(status.counts);
}

function wellOf(counts: ImagePromotionStatus['counts']): Answer {
  const { candidates = 0, promoted = 0, upToDate = 0, blocked = 0, awaitingApproval = 0 } = counts ?? {};
  const there = `${String(promoted + upToDate)} of ${String(candidates)} images are at the target`;
  if (awaitingApproval > 0)
    return [
      'True',
      'ApprovalNeeded',
      `${there}, ${String(blocked)} blocked, ${String(awaitingApproval)} waiting for a person.`,
    ];
  if (blocked > 0) return ['True', 'Blocked', `${there}, ${String(blocked)} blocked.`];
  return ['True', 'Succeeded', `${there}.`];
}

function reconcilingOf({ obstacle, active, runs: [last], spec }: ConditionFacts): Answer {
  if (active) return ['True', 'Running', `Run ${active.name} is under way.`];
  if (obstacle) return ['False', obstacle.code, 'A person has to act.'];
  if (spec?.suspend) return ['False', 'Suspended', 'It is suspended.'];
  if (last?.failure?.retryable)
    return ['True', 'Retrying', `Run ${last.name} failed by something that may pass; another one follows.`];
  if (!last) return ['True', 'Progressing', 'Its first run is about to begin.'];
  return ['False', 'Idle', 'No run is under way.'];
}

function stalledOf({ obstacle, active, runs: [last] }: ConditionFacts): Answer {
  if (obstacle) return ['True', obstacle.code, obstacle.detail];
  const failure = last?.failure;
  if (!active && failure && !failure.retryable) return ['True', failure.code, failure.message];
  return ['False', 'Progressing', 'Nothing keeps it from running.'];
}

/** Most images named in a condition; the status has more of them. */
const MAX_NAMED = 10;

function flaggedOf(status: ImagePromotionStatus): Answer {
  const { flagged = [], flaggedCut = 0 } = status;
  const unreadable = unreadableOf(status);
  const [first] = flagged;
  if (!first && unreadable)
    return ['Unknown', unreadable.reason, `Of what is at the target, ${unreadable.text}`];
  if (!first) return ['False', 'NoneFlagged', 'Nothing is known that would block what is at the target.'];
  const names = flagged.slice(0, MAX_NAMED).map(({ tag, reason: why }) => `${tag} (${why})`);
  const left = Math.max(0, flagged.length - MAX_NAMED) + flaggedCut;
  const more = left > 0 ? `, and ${String(left)} more` : '';
  const blocked = `What is at the target would be blocked today: ${names.join(', ')}${more}.`;
  return ['True', first.reason, unreadable ? `${blocked} Besides, ${unreadable.text}` : blocked];
}

/** The images that could not be judged again, and why. */
function unreadableOf({ lastJudgement }: ImagePromotionStatus) {
  if (lastJudgement?.reason === undefined) return undefined;
  const { unknown, judged, reason, message = '' } = lastJudgement;
  const text = `${String(unknown)} of ${String(unknown + judged)} could not be judged again: ${message}`;
  return { reason, text: text };
}
