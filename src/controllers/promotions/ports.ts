import type {
  Metadata,
  RecordedEvent,
  WorkQueue,
  WorkQueueOptions,
  Written,
} from '../../clients/kubernetes/index.ts';
import type { Reason, Time } from '../../core/model/index.ts';
import type {
  Execution,
  ImageAtTarget,
  ImagePromotionRunStatus,
  ImagePromotionSpec,
  ImagePromotionStatus,
  TargetJudgement,
} from '../../core/promotion/index.ts';

/** An object of a namespace, by its name. */
export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** The key of an object in queues and memories. */
export function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}

/** What this room reads of `metadata`. */
export type ObjectMetadata = Required<
  Pick<Metadata, 'namespace' | 'name' | 'uid' | 'generation' | 'resourceVersion' | 'creationTimestamp'>
> &
  Pick<Metadata, 'deletionTimestamp' | 'annotations'> & {
    /** Who wrote the `spec` last, as far as the API server knows it: the name of a program, not of a user. */
    readonly writtenBy?: { readonly manager: string; readonly time: string };
  };

/** An object as the API server has it: it has validated the status; the `spec` is read by a parser of core. */
export interface CustomObject<Status = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata;
  readonly spec: unknown;
  readonly status?: Status;
}

/** An ImagePromotion. Only the controller writes its status. */
export type PromotionObject = CustomObject<ImagePromotionStatus>;
/** An ImagePromotionRun. Only the holder of its lease writes its status. */
export type RunObject = CustomObject<ImagePromotionRunStatus>;
/** A PromotionApproval. */
export type ApprovalObject = CustomObject;

/** The answer to a guarded write. `changed` = another writer has written since this version was read. */
export type GuardedAnswer =
  | { readonly state: 'written'; readonly run: RunObject }
  | { readonly state: 'changed' }
  | { readonly state: 'gone' }
  | { readonly state: 'refused'; readonly message: string };

/** Runs at the API server itself, without a cache, because leases depend on it. Throws a `Fault` when it cannot be asked. */
export interface RunStore {
  readonly read: (run: ObjectName, signal: AbortSignal) => Promise<RunObject | undefined>;
  /** Replaces the status of exactly this version (`metadata.resourceVersion`) of a run. */
  readonly writeStatus: (
    run: RunObject,
    status: ImagePromotionRunStatus,
    signal: AbortSignal,
  ) => Promise<GuardedAnswer>;
}

/** The run for which an execution is opened. */
export interface RunSubject {
  readonly namespace: string;
  readonly runName: string;
  readonly runUID?: string;
  readonly promotion: { readonly name: string; readonly uid?: string };
  readonly spec: ImagePromotionSpec;
  /** How many runs in a row failed before this retry. */
  readonly failedBefore: number;
  /** When the run began for the first time: a later holder that continues it writes the same records. */
  readonly startedAt: Date;
}

/** Registries, logins, scanner and signer of a promotion. Secrets are read in its own namespace only. */
export interface Executions {
  /**
   * Whether everything can be used that the promotion names in its namespace, and every login of the installation that it would use;
   * no registry is asked. A reason such as `SecretUnreadable` or `NotGranted` needs an action by a person; throws a `Fault` when
   * the cluster cannot be asked.
   */
  readonly check: (
    subject: Pick<RunSubject, 'namespace' | 'spec'>,
    signal: AbortSignal,
  ) => Promise<Reason | undefined>;
  /** Opens it all. Throws a `Fault` when that cannot be done. */
  readonly open: (subject: RunSubject, signal: AbortSignal) => Promise<Execution>;
}

/** What executing a run takes; the same in the controller and in a Job. */
export interface RunnerPorts extends Time {
  /** Who holds leases in this process: unique to it, and in a Job the name of the Job (`--holder`), a `/` and something random. */
  readonly identity: string;
  readonly runs: RunStore;
  readonly executions: Executions;
  /** Approvals of a run as far as they are known at this moment. */
  readonly approvals: (run: ObjectName) => readonly ApprovalObject[];
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** Counters and gauges. */
export interface PromotionMeter {
  /** `pratique_promotion_images_total{decision,reason}`; the reason is `''` where there is none. */
  readonly images: (decision: string, reason: string, count: number) => void;
  /** `pratique_promotion_bytes_total{how}`. */
  readonly bytes: (how: 'copied' | 'mounted' | 'skipped', bytes: number) => void;
  /** `pratique_promotion_flagged_images`: how many at the target of a promotion would be blocked today. */
  readonly flagged: (promotion: string, count: number) => void;
  /** `pratique_promotion_rate_limited`: whether a run of a promotion waits for a registry at this moment. */
  readonly waiting: (promotion: string, isWaiting: boolean) => void;
}

/** Jobs that execute runs. Throws a `Fault` when the cluster cannot be asked. */
export interface JobStore {
  /** Those of the names that exist. */
  readonly of: (run: RunObject, names: readonly string[], signal: AbortSignal) => Promise<readonly RunJob[]>;
  readonly create: (job: object, namespace: string, signal: AbortSignal) => Promise<Written>;
}

/** A Job by the name of one of a run. `over` = it completed or failed, or the run does not own it: it will not execute the run. */
export interface RunJob {
  readonly name: string;
  readonly over: boolean;
}

/** A promotion whose target is judged again. */
export interface WatchedTarget extends ObjectName {
  readonly spec: ImagePromotionSpec;
  /** Images that are known to have been promoted by it. */
  readonly known: readonly ImageAtTarget[];
}

/** What the controller needs from outside. */
export interface ControllerPorts extends RunnerPorts {
  /** From synced caches; the keys of promotions are `namespace/name`. */
  readonly promotions: () => Iterable<PromotionObject>;
  readonly promotion: (name: ObjectName) => PromotionObject | undefined;
  readonly runsOf: (promotion: PromotionObject) => readonly RunObject[];
  readonly createRun: (run: object, namespace: string, signal: AbortSignal) => Promise<Written>;
  /** A run that does not exist counts as deleted. */
  readonly removeRun: (run: ObjectMetadata) => Promise<unknown>;
  /** Writes the whole status of a promotion. */
  readonly writePromotionStatus: (
    promotion: PromotionObject,
    status: ImagePromotionStatus,
    signal: AbortSignal,
  ) => Promise<Written>;
  readonly makeQueue: (options: WorkQueueOptions) => WorkQueue;
  /** Needed where runs are executed as Jobs. */
  readonly jobs?: JobStore;
  /**
   * Judges the promoted images as they are at the target today; `undefined` = no authority is configured whose reports count.
   * Throws a `Fault` when the target cannot be read. Absent = only the dates of exceptions are checked.
   */
  readonly rejudge?: (promotion: WatchedTarget, signal: AbortSignal) => Promise<TargetJudgement | undefined>;
  readonly recordEvent: (event: RecordedEvent) => void;
  readonly meter: PromotionMeter;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Receives every error that is retried. */
  readonly onError: (trouble: { readonly operation: string; readonly detail: string }) => void;
}
