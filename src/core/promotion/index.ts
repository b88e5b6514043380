// What moves: the ImagePromotion resource, which tags it selects, the plan of a run, its steps one by one, and the records they
// leave. Pure but for the ports handed in: registries, a scanner and a signer do what the steps ask.
export type {
  ArtifactSigner,
  BlobArrival,
  BlobTransfer,
  Deletion,
  ScanOutput,
  Scanner,
  ScanSubject,
  SignedRecord,
  SourceRegistry,
  Statement,
  TargetRegistry,
  WrittenStatement,
} from './ports.ts';
export { backupTag, sourceTagsOf, targetTagOf } from './selection/reserved-tags.ts';
export { compileRoutes, compileTaking, placesOf, type Taking } from './selection/repositories.ts';
export { WHY_LEFT_OUT, type LeftOut } from './selection/select.ts';
export { rowName, type Candidate, type Discovery, type PlannedImage, type Resolved } from './plan.ts';
export { COUNTED, countResults, cutRunImages, phaseOf, plannedResult, runImage } from './result.ts';
export type { ImageResult } from './result.ts';
export type { Execution } from './execute.ts';
export type { Rest } from './retry.ts';
export type { Progress } from './steps/step.ts';
export { decisionFor, misfit, type Approval } from './approval.ts';
export { PROMOTION_JOBS } from './jobs.ts';
export { createReportReader, type ReportReader, type ScanReport } from './gates/scan-report.ts';
export { gatesOf, weakenedGates } from './gates/effective.ts';
export { MAX_WAIVED } from './schema.ts';
export type {
  ImageDecision,
  ImagePromotion,
  ImagePromotionRun,
  ImagePromotionRunSpec,
  ImagePromotionRunStatus,
  ImagePromotionSpec,
  ImagePromotionStatus,
  PromotionApprovalSpec,
  RunImage,
} from './schema.ts';
export { MAX_CONSIDERED, MAX_PINS, MAX_RUN_IMAGES, MAX_MESSAGE_LENGTH } from './schema/run.ts';
export { MAX_RECENT, MAX_WATCHED } from './schema/promotion-status.ts';
export { parseApproval, parsePromotion, parsePromotionRun } from './schema/parse.ts';
export { ASKED_AT, PUSHED_AT } from './schema/parts.ts';
export { promotionCrds } from './schema/crd.ts';
export { nextRun } from './schedule.ts';
export { openExecution, rejudge } from './opening/open.ts';
export type { ImageAtTarget, JudgedAtTarget, TargetJudgement } from './opening/rejudge-target.ts';
export type { OpeningContext, SideClient, SideRegistry } from './opening/context.ts';
export { compileGrants, type Grant } from './opening/grants.ts';
export { entriesOf, type Entries, type ReadObject } from './opening/secrets.ts';
