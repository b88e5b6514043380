import type { Cluster, WatchCollection, WriteStatus } from '../../clients/kubernetes/index.ts';
import { type Gauge, errorFields, type Log } from '../../core/model/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import type { AuditPorts, AuditSettings, Pods, AuditChange, ReportStore } from './ports.ts';
import { createFindingsPublisher } from './publish.ts';
import { REPORT_NAME } from './report.ts';
import { podSelector } from './running-pods.ts';
import { openSession, type Session } from './session.ts';
import { countUnclear, countVerdicts } from './tally.ts';

/** What already runs, judged again as time passes. */
export interface Audit {
  /** Audits these pods until the signal; settles when nothing runs any longer. For the leader only; may be called again after it. */
  readonly run: (signal: AbortSignal, pods: Pods) => Promise<void>;
  /** Something changed; nothing happens before `run`. */
  readonly follow: (change: AuditChange) => void;
  readonly gauges: readonly Gauge[];
  /** The term of this process as leader; `undefined` while it does not lead. */
  readonly session: () => Session | undefined;
}

/** Milliseconds between two rounds of writing: no reader needs updates faster than this. */
export const PUBLISH_EVERY_MS = 5_000;

/** Joins units, schedule and the publishing of results. Nothing happens before `run`. */
export function createAudit(ports: AuditPorts, settings: AuditSettings): Audit {
  let current: Session | undefined;
  const verdicts = () => (current ? countVerdicts(current.findings.values()) : []);
  return {
    run: async (signal, pods) => {
      if (signal.aborted) return;
      const session = openSession(pods, { ports, settings }, signal);
      const publisher = createFindingsPublisher(session, ports, settings);
      current = session;
      try {
        while (await pause(PUBLISH_EVERY_MS, ports, signal))
          await publisher.publish(signal).catch(ports.report);
      } finally {
        current = undefined;
        await session.close();
      }
    },
    follow: (change) => current?.follow(change),
    gauges: [
      {
        name: 'pratique_running_images',
        help: 'Distinct images that run, by the verdict they would get now and its first reason.',
        labels: ['verdict', 'reason'],
        read: () =>
          verdicts().map(({ verdict, reason, images }) => ({ labels: { verdict, reason }, value: images })),
      },
      {
        name: 'pratique_running_images_waiting',
        help: 'Images that were not judged yet: of containers not started, and of those whose turn has not come.',
        labels: [],
        read: () => (current ? [{ labels: {}, value: waitingIn(current) }] : []),
      },
      {
        name: 'pratique_running_images_unclear',
        help: 'Distinct images that run, but their node does not report clearly which they are.',
        labels: [],
        read: () => (current ? [{ labels: {}, value: countUnclear(current.findings.values()) }] : []),
      },
    ],
    session: () => current,
  };
}

function waitingIn({ units, findings }: Session): number {
  const counts = units.counts();
  return counts.waiting + Math.max(0, counts.units - findings.size);
}

/** Waits; `false` when the signal came first. */
async function pause(ms: number, { after }: AuditPorts, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<Event | undefined>();
  const cancel = after(ms, () => {
    resolve(undefined);
  });
  signal.addEventListener('abort', resolve, { once: true });
  if (!signal.aborted) await promise;
  cancel();
  signal.removeEventListener('abort', resolve);
  return !signal.aborted;
}

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

/** Reports asked for at once: where the API server sends them whole, one may have a hundred kilobytes. */
const REPORTS_ON_PAGE = 50;

/** What the audit is kept with. */
interface AuditOptions extends Pick<
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
interface AuditTasks {
  /** One term; ends with the signal. Only the leader holds the pods: no other collection is as large. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onPolicies: () => void;
  readonly onNamespace: (namespace: string) => void;
  readonly gauges: readonly Gauge[];
}

/** Runs the audit on a cluster. */
export function keepAudit(options: AuditOptions): AuditTasks {
  const { settings, cluster, watchCollection, writeStatus, log } = options;
  const audit = createAudit(
    {
      ...options,
      makeQueue: options.createWorkQueue,
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
        onChange: audit.follow,
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
      audit.follow({ type: 'policies' });
    },
    onNamespace: (namespace) => {
      audit.follow({ type: 'namespace', namespace });
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
        const collection = { resource: RESOURCES.reports, labelSelector: OURS, metadataOnly: true };
        const page = await cluster.list(collection, { limit: REPORTS_ON_PAGE, continue: next }, signal);
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
