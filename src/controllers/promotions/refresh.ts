import type { RecordedEvent } from '../../clients/kubernetes/index.ts';
import type { ImagePromotion, ImagePromotionStatus, TargetJudgement } from '../../core/promotion/index.ts';
import {
  keyOf,
  type ControllerPorts,
  type ObjectName,
  type PromotionObject,
  type RunObject,
} from './ports.ts';
import { knownRuns, type RecordedRun } from './run-state.ts';

/** The result of a check of the target. Without a judgement no authority is configured whose reports count. */
export interface LookedAtTarget {
  readonly at: Date;
  readonly judgement?: TargetJudgement;
}

/** When a target is checked, and the result of the last check that is not in a status yet. */
export interface LookAtTarget {
  /** Milliseconds of `now`; absent = a check is under way. */
  readonly dueMs?: number;
  readonly looked?: LookedAtTarget;
}

/** The memory between two reconciliations; keys are `namespace/name`. */
export interface Reconciling {
  readonly ports: ControllerPorts;
  /** Runs that were begun and are not in a cache yet. */
  readonly begun: Map<string, RunObject>;
  /** The last written status: a cache may still hold the one before. */
  readonly statuses: Map<string, { readonly uid: string; readonly status: ImagePromotionStatus }>;
  /** When the images at the target are judged again. */
  readonly looks: Map<string, LookAtTarget>;
  /** Milliseconds between two judgements of the images at a target. */
  readonly rejudgeEveryMs: number;
  readonly execute: (promotion: ObjectName, run: ObjectName) => void;
  /** Judges the images at the target, soon. */
  readonly lookAtTarget: (promotion: ObjectName) => void;
  /** Stops every run of a promotion that is gone. */
  readonly stop: (promotion: ObjectName) => void;
}

/** Milliseconds between two checks for a missing Secret: there is no watch, because no account may read all Secrets. */
export const CHECK_MS = 60_000;
/** Most milliseconds between two checks: a missed change is found then. */
export const MAX_WAIT_MS = 3_600_000;

/** One reconciliation of a promotion. */
export interface Look {
  readonly key: string;
  readonly object: PromotionObject;
  readonly reconciling: Reconciling;
  readonly runs: readonly RecordedRun[];
  readonly now: Date;
}

/** A reconciliation of a promotion that can be read. */
export interface Reading extends Look {
  readonly promotion: ImagePromotion;
  readonly status: ImagePromotionStatus;
}

/** What comes of a part of a reconciliation: the status to be written, the events to be recorded, and when it is due again. */
export interface Outcome {
  readonly status: ImagePromotionStatus;
  readonly events: readonly RecordedEvent[];
  /** Absent = when something changes. */
  readonly againInMs?: number;
}

/** The status as it was written last. */
export function statusOf(
  { metadata, status = {} }: PromotionObject,
  { statuses }: Reconciling,
): ImagePromotionStatus {
  const written = statuses.get(keyOf(metadata));
  return written?.uid === metadata.uid ? written.status : status;
}

/** The runs in the cache, and the one that was begun and is not in it yet. */
export function runsOf(object: PromotionObject, { ports, begun }: Reconciling): readonly RecordedRun[] {
  const key = keyOf(object.metadata);
  const cached = ports.runsOf(object);
  const late = begun.get(key);
  if (!late) return knownRuns(cached);
  const age = ports.clock().getTime() - Date.parse(late.metadata.creationTimestamp);
  const known = cached.some(({ metadata }) => metadata.name === late.metadata.name);
  if (!known && age < CHECK_MS) return knownRuns([...cached, late]);
  begun.delete(key);
  return knownRuns(cached);
}
