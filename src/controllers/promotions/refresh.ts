import { parseTime } from '../../core/policy/index.ts';
import { PUSHED_AT, type ImagePromotion, type ImagePromotionStatus } from '../../core/promotion/index.ts';
import { knownRuns, type RecordedRun } from './run/recorded-run.ts';
import type { ControllerPorts, ObjectName, PromotionObject, RunObject } from './ports.ts';
import type { LookAtTarget } from './reassess.ts';

/** What looking at promotions remembers from one look to the next; keys are `namespace/name`. */
export interface Reconciling {
  readonly ports: ControllerPorts;
  /** Runs that were begun and that no cache has shown yet. */
  readonly begun: Map<string, RunObject>;
  /** What was written last: a cache may still show what was before. */
  readonly statuses: Map<string, { readonly uid: string; readonly status: ImagePromotionStatus }>;
  /** When what is at the target is judged again. */
  readonly looks: Map<string, LookAtTarget>;
  /** Milliseconds between two judgements of what is at a target. */
  readonly rejudgeEveryMs: number;
  /** When something was pushed. */
  readonly triggered: Map<string, Date>;
  readonly execute: (promotion: ObjectName, run: ObjectName) => void;
  /** Judges what is at the target, soon. */
  readonly lookAtTarget: (promotion: ObjectName) => void;
  /** Stops every run of a promotion that is gone. */
  readonly stop: (promotion: ObjectName) => void;
}

/** Milliseconds between two looks whether a Secret is there that was missing: no watch tells, because nobody may read them all. */
export const CHECK_MS = 60_000;
/** Most milliseconds between two looks: whatever was missed, is seen then. */
export const MAX_WAIT_MS = 3_600_000;

/** Annotation by which a person asks for a run now. */
const REQUESTED_AT = 'reconcile.pratique.dev/requestedAt';
/** Characters of a request that count: as many as the status has room for. */
const MAX_REQUEST = 64;

/** What a person asks for. */
export function requestOf({ metadata: { annotations } }: PromotionObject): { readonly requestedAt?: string } {
  const requestedAt = annotations?.[REQUESTED_AT]?.slice(0, MAX_REQUEST);
  return requestedAt === undefined ? {} : { requestedAt };
}

/** When something was pushed, as another replica tells; what is no moment is nothing. */
export function pushOf({ metadata: { annotations } }: PromotionObject): { readonly pushedAt?: Date } {
  const pushedAt = parseTime(annotations?.[PUSHED_AT] ?? '');
  return pushedAt ? { pushedAt } : {};
}

/** One look at a promotion. */
export interface Look {
  readonly key: string;
  readonly object: PromotionObject;
  readonly reconciling: Reconciling;
  readonly runs: readonly RecordedRun[];
  readonly now: Date;
}

/** A look at a promotion that can be read. */
export interface Reading extends Look {
  readonly promotion: ImagePromotion;
  readonly status: ImagePromotionStatus;
}

/** The runs that the cache shows, and the one that was begun and that it does not show yet. */
export function runsOf(object: PromotionObject, { ports, begun }: Reconciling): readonly RecordedRun[] {
  const key = `${object.metadata.namespace}/${object.metadata.name}`;
  const cached = ports.runsOf(object);
  const late = begun.get(key);
  if (!late) return knownRuns(cached);
  const age = ports.clock().getTime() - Date.parse(late.metadata.creationTimestamp);
  const known = cached.some(({ metadata }) => metadata.name === late.metadata.name);
  if (!known && age < CHECK_MS) return knownRuns([...cached, late]);
  begun.delete(key);
  return knownRuns(cached);
}
