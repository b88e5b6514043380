import type { Cluster, WatchCollection, WriteStatus } from '../../clients/kubernetes/index.ts';
import { errorFields, type Gauge, type Log } from '../../core/model/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { createAudit } from './audit.ts';
import type { AuditChange, AuditPorts, AuditSettings, ReportStore } from './ports.ts';
import { REPORT_NAME } from './report.ts';
import { podSelector } from './running-pods.ts';

/** The manager of the status fields that belong to the audit. */
const AUDITOR = 'pratique-audit';
/** The definition that shows whether the API of reports is installed. */
const DEFINITION = 'reports.openreports.io';
/** Marks the reports that are ours. */
const OURS = 'app.kubernetes.io/managed-by=pratique';
/**
 * Pods asked for at once. A page is held as bytes, as text and as objects, about ten times what its pods take in JSON; 5,000 pods
 * are fifty calls that take two seconds together.
 */
const PODS_ON_PAGE = 100;

/** What the audit is kept with. */
export interface AuditOptions extends Pick<
  AuditPorts,
  'policies' | 'namespaceLabels' | 'judge' | 'recordEvent' | 'clock' | 'after' | 'random' | 'report'
> {
  readonly settings: AuditSettings & { readonly reports: boolean };
  readonly cluster: Pick<Cluster, 'get' | 'list' | 'watch' | 'apply' | 'remove'>;
  readonly watchCollection: WatchCollection;
  readonly writeStatus: WriteStatus;
  readonly createWorkQueue: AuditPorts['makeQueue'];
  readonly log: Log;
}

/** Audits what runs while this replica leads. */
export interface AuditTasks {
  /** One term; ends with the signal. Only the leader holds the pods: no other collection is as large. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onPolicies: () => void;
  readonly onNamespace: (namespace: string) => void;
  readonly gauges: readonly Gauge[];
}

/** Runs the audit on a cluster. */
export function keepAudit(options: AuditOptions): AuditTasks {
  const { settings, cluster, watchCollection, writeStatus, log } = options;
  const listeners = new Set<(change: AuditChange) => void>();
  const notify = (change: AuditChange) => {
    for (const listener of listeners) listener(change);
  };
  const audit = createAudit(
    {
      ...options,
      makeQueue: options.createWorkQueue,
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      writeStatus: (name, status, signal) => {
        const address = { resource: RESOURCES.policies, name };
        const policy = { address, apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy' };
        return writeStatus(cluster, { ...policy, fieldManager: AUDITOR }, status, signal);
      },
      reports: settings.reports ? reportStore(cluster) : undefined,
      onError: (trouble) => {
        log.warn(trouble, 'the audit could not do something, it is tried again');
      },
    },
    settings,
  );
  return {
    run: async (signal) => {
      const pods = watchCollection({
        cluster,
        collection: { resource: RESOURCES.pods },
        select: podSelector(),
        pageSize: PODS_ON_PAGE,
        onChange: notify,
        onError: (error) => {
          const what = 'pods';
          log.warn({ what, ...errorFields(error) }, 'reading from the API server failed, it is tried again');
        },
      });
      signal.addEventListener('abort', () => void pods.close(), { once: true });
      await pods.synced.catch(() => undefined);
      if (!signal.aborted) await audit.run(signal, () => pods.values());
      await pods.close();
    },
    onPolicies: () => {
      notify({ type: 'policies' });
    },
    onNamespace: (namespace) => {
      notify({ type: 'namespace', namespace });
    },
    gauges: audit.gauges,
  };
}

function reportStore(cluster: AuditOptions['cluster']): ReportStore {
  const address = (namespace: string) => ({ resource: RESOURCES.reports, namespace, name: REPORT_NAME });
  return {
    installed: async (signal) =>
      (await cluster.get({ resource: RESOURCES.definitions, name: DEFINITION }, signal)) !== undefined,
    namespaces: async (signal) => {
      const found: string[] = [];
      let next: string | undefined;
      do {
        const collection = { resource: RESOURCES.reports, labelSelector: OURS };
        const page = await cluster.list(collection, { continue: next }, signal);
        found.push(...page.items.flatMap(({ metadata }) => metadata.namespace ?? []));
        next = page.continue;
      } while (next !== undefined);
      return found;
    },
    write: (namespace, report, signal) =>
      cluster.apply(address(namespace), report, { fieldManager: AUDITOR, signal }),
    remove: async (namespace) => {
      await cluster.remove(address(namespace));
      return { ok: true };
    },
  };
}
