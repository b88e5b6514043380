import { rfc3339 } from '../../../core/model/index.ts';
import type { PolicyCondition } from '../../../core/policy/index.ts';

/** A condition of one of our kinds. */
export type Condition = PolicyCondition;

/** The content of a condition. */
export interface Saying {
  readonly type: string;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** Longest message of a condition in characters: enough for a few names, little for etcd. */
const MAX_MESSAGE = 1_024;

/** The conditions with this content: one that keeps its status keeps the time at which it last changed. */
export function conditionsOf(
  sayings: readonly Saying[],
  { before = [], generation, now }: Spoken,
): Condition[] {
  return sayings.map(({ type, status, reason, message }) => {
    const old = before.find((one) => one.type === type);
    return {
      type,
      status,
      observedGeneration: generation,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : rfc3339(now),
      reason,
      message: message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`,
    };
  });
}

interface Spoken {
  readonly before: readonly Condition[] | undefined;
  readonly generation: number;
  readonly now: Date;
}
