// What runs is judged again as time, policy and trust change; canaries prove that the guard is on.
// Reads and writes the cluster through ports only; nothing here decides about an admission.
export { createSelfTest } from './self-test.ts';
export type { SelfTest, SelfTestSettings } from './self-test.ts';
export { tryCanaries } from './self-test-canaries.ts';
export { customKindFinder, podFinder } from './self-test-cluster.ts';
export type { ListPage } from './self-test-cluster.ts';
export type { CanaryPorts, SelfTestPorts, SelfTestResult } from './self-test-ports.ts';
export { createAudit, TELL_EVERY_MS } from './audit.ts';
export type { Audit, AuditSnapshot } from './audit.ts';
export type { Gauge } from './gauge.ts';
export { podSelector } from './running-pods.ts';
export type { PodObject, PodRuns, RunningContainer, RunningPod } from './running-pods.ts';
export { RESULTS_CUT, REPORT_NAME } from './report.ts';
export type { Report, ReportResult } from './report-shape.ts';
export { ADMISSIBLE } from './tell-pods.ts';
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
  ReportShelf,
  WriteAnswer,
} from './ports.ts';
export type { ReportState } from './tell-cluster.ts';
