// ImagePromotion objects, their runs and approvals: when they run, what wakes them before their time, and one run carried out.

export { readApprovals } from './approvals.ts';
export type { KnownApproval } from './approvals.ts';
export { createRunLeases } from './run/run-lease.ts';
export type { RunLeases } from './run/run-lease.ts';
export { createPromotionController } from './controller.ts';
export type { ControllerOptions, PromotionController } from './controller.ts';
export { RUN_LABEL } from './jobs/job.ts';
export type { JobTemplate } from './jobs/job.ts';
export { PUSHED_AT } from './refresh.ts';
export { PROMOTION_LABEL } from './run-object.ts';
export { executeRun, executeWhenFree } from './run/execute-run.ts';
export type { RunEnd, Running } from './run/execute-run.ts';
export type {
  ApprovalObject,
  ControllerPorts,
  Executions,
  GuardedAnswer,
  JobStore,
  MakeQueue,
  ObjectMetadata,
  ObjectName,
  PromotionEvent,
  PromotionMeter,
  PromotionObject,
  Queue,
  RunJob,
  RunnerPorts,
  RunObject,
  RunStore,
  RunSubject,
  Time,
  WatchedTarget,
} from './ports.ts';
export { createJobStore, createRunStore, promotionWrites } from './cluster-store.ts';
export { checkedForJobs } from './jobs/namespace.ts';
export { approvalObject, knownRun, promotionObject, runObject } from './objects.ts';
