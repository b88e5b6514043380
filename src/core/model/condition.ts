import { rfc3339 } from './time.ts';
import { cutText, oneLine } from './text.ts';

/** What a condition states. */
export interface ConditionContent {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** A condition of one of our kinds, as Kubernetes has it (`metav1.Condition`). Times are RFC 3339 text. */
export interface Condition extends ConditionContent {
  readonly observedGeneration?: number | undefined;
  readonly lastTransitionTime: string;
}

/** Longest message of a condition in characters: enough for many problems, little for etcd. */
export const MAX_CONDITION_MESSAGE = 4_000;

/** A condition with this content. One that keeps its status keeps the time at which it last changed. */
export function conditionOf(
  { type, status, reason, message }: ConditionContent,
  about: {
    readonly before: readonly Condition[] | undefined;
    readonly generation: number;
    readonly now: Date;
    /** Longest message in characters. */
    readonly maxMessage?: number;
  },
): Condition {
  const { before = [], generation, now, maxMessage = MAX_CONDITION_MESSAGE } = about;
  const old = before.find((one) => one.type === type);
  return {
    type,
    status,
    observedGeneration: generation,
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : rfc3339(now),
    reason,
    message: cutText(oneLine(message), maxMessage),
  };
}
