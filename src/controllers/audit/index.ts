// What runs is judged again as time, policy and trust change.
// Reads and writes the cluster through ports only; nothing here decides about an admission.
export { createAudit } from './audit.ts';
export { podSelector } from './running-pods.ts';
export { REPORT_NAME } from './report.ts';
export type { AuditChange, AuditPorts, ReportStore } from './ports.ts';
