// What runs is judged again as time, policy and trust change.
// Reads and writes the cluster through ports only; nothing here decides about an admission.
export { createAudit, PUBLISH_EVERY_MS } from './audit.ts';
export type { Audit, AuditSnapshot } from './audit.ts';
export { podSelector } from './running-pods.ts';
export type { PodObject, PodRuns, RunningContainer, RunningPod } from './running-pods.ts';
export { RESULTS_CUT, REPORT_NAME } from './report.ts';
export type { Report, ReportResult } from './report-shape.ts';
export { ADMISSIBLE } from './pod-events.ts';
export type {
  After,
  AuditChange,
  AuditEvent,
  AuditPorts,
  AuditQuestion,
  AuditSettings,
  AuditStatus,
  Credentials,
  ImageCounts,
  Pods,
  ReportStore,
  WriteAnswer,
} from './ports.ts';
export type { ReportState } from './publish-status.ts';
