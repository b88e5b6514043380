import { writeStatus } from '../clients/kubernetes/index.ts';
import { REPORT_NAME, type AuditPorts, type ReportStore } from '../controllers/audit/index.ts';
import { namespaceReader } from '../controllers/policies/index.ts';
import type { LeaderOptions } from './parts.ts';

import { RESOURCES } from '../core/workload/index.ts';
import { clock } from './process-context.ts';

/** The manager of the status fields that belong to the audit. */
const AUDITOR = 'pratique-audit';
/** The definition that says whether the API of reports is there. */
const DEFINITION = 'reports.openreports.io';
/** Marks the reports that are ours. */
const OURS = 'app.kubernetes.io/managed-by=pratique';

/** What the audit needs, over the API server. */
export function auditPorts(
  options: LeaderOptions,
  given: Pick<AuditPorts, 'subscribe' | 'recordEvent'>,
): AuditPorts {
  const { settings, cluster, replica, telemetry, log } = options;
  return {
    ...given,
    policies: replica.held.current,
    namespaceLabels: namespaceReader(replica.caches.namespaces, clock),
    judge: replica.judge,
    writeStatus: async (name, status, signal) =>
      await writeStatus(
        cluster,
        {
          address: { resource: RESOURCES.policies, name },
          apiVersion: 'pratique.dev/v1alpha1',
          kind: 'ImagePolicy',
          fieldManager: AUDITOR,
        },
        status,
        signal,
      ),
    ...(settings.audit.reports && { reports: reportStore(options) }),
    clock,
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => {
        clearTimeout(timer);
      };
    },
    random: Math.random,
    onError: (trouble) => {
      log.warn(trouble, 'the audit could not do something, it is tried again');
    },
    report: telemetry.report,
  };
}

function reportStore({ cluster }: LeaderOptions): ReportStore {
  return {
    installed: async (signal) =>
      (await cluster.get({ resource: RESOURCES.definitions, name: DEFINITION }, signal)) !== undefined,
    namespaces: async (signal) => {
      const collection = { resource: RESOURCES.reports, labelSelector: OURS };
      const found: string[] = [];
      let next: string | undefined;
      do {
        const page = await cluster.list(collection, next === undefined ? {} : { continue: next }, signal);
        found.push(...page.items.flatMap(({ metadata }) => metadata.namespace ?? []));
        next = page.continue;
      } while (next !== undefined);
      return found;
    },
    write: async (namespace, report, signal) =>
      await cluster.apply({ resource: RESOURCES.reports, namespace, name: REPORT_NAME }, report, {
        fieldManager: AUDITOR,
        signal,
      }),
    remove: async (namespace) => {
      await cluster.remove({ resource: RESOURCES.reports, namespace, name: REPORT_NAME });
      return { ok: true };
    },
  };
}
