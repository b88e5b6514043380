// ImagePromotion objects, their runs and approvals: when they run, what triggers them early, and how one run is executed.

export { createRunLeases } from './run/run-lease.ts';
export { createPromotionController } from './controller.ts';
export type { PromotionController } from './controller.ts';
export { PUSHED_AT } from './refresh.ts';
export { executeWhenFree } from './run/execute-run.ts';
export type {
  ApprovalObject,
  ControllerPorts,
  Executions,
  ObjectName,
  PromotionMeter,
  PromotionObject,
  RunnerPorts,
  RunObject,
  RunSubject,
} from './ports.ts';
export { createJobStore, createRunStore, promotionWrites } from './cluster-store.ts';
export { checkedForJobs } from './jobs/namespace.ts';
export { approvalObject, knownRun, promotionObject, runObject } from './objects.ts';
