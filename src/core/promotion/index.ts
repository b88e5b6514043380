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
  SignedContent,
  SignedRecord,
  SourceRegistry,
  Statement,
  TargetRegistry,
} from './ports.ts';
export { backupTag, isBackupTag } from './backup-tag.ts';
export { planRun } from './plan.ts';
export type { Candidate, PlannedAction, PlannedImage, PlanRules, Resolved, UnplannedImage } from './plan.ts';
export { countResults, phaseOf } from './result.ts';
export type { AttachmentCounts, BlobCounts, Decision, ImageResult, RunCounts } from './result.ts';
export { SILENT } from './progress.ts';
export type { Progress } from './progress.ts';
export type { StepName } from './steps/step.ts';
export { decisionFor } from './approval.ts';
export type { Approval } from './approval.ts';
export type { Discovery, Execution, RunOrder } from './execution.ts';
export { findRecord, subjectOf } from './records/artifact.ts';
export type { Artifact } from './records/artifact.ts';
export { bundleArtifact, findBundle, SIGN_PREDICATE_TYPE } from './records/bundle-artifact.ts';
export type { BundleClaims } from './records/bundle-artifact.ts';
export { appendCosignLayer, findCosignLayer } from './records/cosign-tag.ts';
export type { CosignLayer, CosignLayerClaims } from './records/cosign-tag.ts';
export { statementAbout, statementDigest } from './records/statement.ts';
export { imagePromotionRunSchema, imagePromotionSchema, promotionApprovalSchema } from './schema.ts';
export type {
  ImageDecision,
  ImagePromotion,
  ImagePromotionRun,
  ImagePromotionRunSpec,
  ImagePromotionRunStatus,
  ImagePromotionSpec,
  ImagePromotionStatus,
  MirrorSpec,
  PromoteSpec,
  PromotionApproval,
  PromotionApprovalSpec,
  PromotionSide,
  RunImage,
  ScanSpec,
  SignSpec,
  TagSelection,
} from './schema.ts';
export { MAX_WAIVED } from './schema/approval.ts';
export { MAX_RECENT, MAX_WATCHED } from './schema/promotion-status.ts';
export { DECISIONS, MAX_BLOCKING, MAX_MESSAGE_LENGTH } from './schema/run-image.ts';
export { MAX_CONSIDERED, MAX_PINS, MAX_RUN_IMAGES } from './schema/run.ts';
export { parseApproval, parsePromotion, parsePromotionRun } from './parse.ts';
export { promotionCrds } from './crd.ts';
export { promotionReferences } from './reference-page.ts';
export { cutRunImages, runImage } from './run-images.ts';
export { nextRun, parseSchedule } from './schedule.ts';
export type { Schedule } from './schedule.ts';
export { needsCreated, needsTagList, selectByAge, selectByName } from './selection/select.ts';
export type { LeftOut, LeftOutWhy, NameSelection, TagChoice } from './selection/select.ts';
export type { DatedTag } from './selection/newest.ts';
export { isReservedTag, MIRROR_HISTORY_TAG } from './selection/reserved-tags.ts';
export { endOfLifeMark, findEndOfLife } from './records/end-of-life.ts';
export type { EndOfLife } from './records/end-of-life.ts';
export {
  appendArrivals,
  emptyHistory,
  HISTORY_TYPE,
  historyArtifact,
  MAX_HISTORY_BYTES,
  parseHistory,
  wasMirrored,
} from './records/history.ts';
export type { Arrival, MirrorHistory } from './records/history.ts';
export { acquisitionRecord, acquisitionStatement, findAcquisition } from './records/provenance.ts';
export { ACQUISITION_PREDICATE_TYPE } from './records/provenance.ts';
export type { Acquisition } from './records/provenance.ts';
export { findQuarantineFlag, quarantineFlag, QUARANTINE_TYPE } from './records/quarantine-flag.ts';
export { pushArtifact } from './records/push.ts';
export type { ArtifactPush } from './records/push.ts';
export { releaseStatement } from './records/release.ts';
export type { PassedGate, Release, ReleasedFinding } from './records/release.ts';
export { findReport, reportRecord, vulnerabilityStatement } from './records/report.ts';
export { VULNERABILITY_PREDICATE_TYPE } from './records/report.ts';
export type { ScanRecord } from './records/report.ts';
export type { RunIdentity } from './records/run-identity.ts';
export { MAX_IDS_SHOWN } from './gates/gate.ts';
export type { ExceptedFinding, GateAnswer, GateResult, Obstacle } from './gates/gate.ts';
export { judgeScan } from './gates/scan-gate.ts';
export type { ScanRule } from './gates/scan-gate.ts';
export type { Scanned } from './gates/scanned.ts';
export { scanPlatforms } from './gates/scan-platforms.ts';
export type { ScanTask } from './gates/scan-platforms.ts';
export { gateHash, waive, waiverStanding } from './gates/waive.ts';
export type { Gated, Waiver, WaiverStanding } from './gates/waive.ts';
export { gatherGraph } from './graph/gather.ts';
export type { Gathered, GatherRequest } from './graph/gather.ts';
export { countAttachments } from './graph/graph.ts';
export type { Attachment, Graph, TaggedManifest } from './graph/graph.ts';
export { LEFT_BECAUSE } from './graph/carried.ts';
export type { AttachmentSelection, CarryRules, LeftBecause } from './graph/carried.ts';
export { DEFAULT_GRAPH_LIMITS } from './graph/limits.ts';
export type { GraphLimits } from './graph/limits.ts';
export { keptRoot } from './graph/kept-root.ts';
export type { RootRequest } from './graph/kept-root.ts';
export type { KeptPlatforms, PlatformSelection } from './graph/platforms.ts';
export { COPY_AT_ONCE, copyGraph } from './copy/copy.ts';
export type { CopyRequest } from './copy/copy.ts';
export type { CopyProgress } from './copy/progress.ts';
export { verifyTarget } from './copy/verify-target.ts';
export type { Arrived, VerifyRequest } from './copy/verify-target.ts';
export { createExecution } from './execute.ts';
export type { ExecutionParts } from './execute.ts';
export { createHistoryBook } from './history-book.ts';
export type { HistoryBook } from './history-book.ts';
export { exceptionsOf } from './gates/exceptions.ts';
export { ownPolicy, readSignedReports, reportPolicy } from './gates/signed-reports.ts';
export { judgeTarget } from './judge-target.ts';
export type { ImageAtTarget, JudgedAtTarget, TargetJudgement, TargetLook } from './judge-target.ts';
export { standingOf } from './reassessment.ts';
export type { Standing, StandingQuestion, StandingRule } from './reassessment.ts';
