import { Fault, rfc3339 } from '../../core/model/index.ts';
import type { AuditPorts, AuditSettings, AuditStatus, ReportStore } from './ports.ts';
import { createPublisher, type Publisher } from './publish.ts';
import { buildReports } from './report.ts';
import type { Report } from './report-shape.ts';
import type { Session } from './session.ts';
import { tallyPolicies } from './tally.ts';

/** Milliseconds between two checks for the API of reports: it may be installed at any time. */
const LOOK_FOR_REPORTS_MS = 60_000;

/** Whether reports are kept. */
export type ReportState = 'off' | 'not installed' | 'kept';

/** Writes what an audit found to where people look. */
export interface FindingsPublisher {
  /** Writes what changed since the last call; never rejects for anything the cluster does. */
  readonly publish: (signal: AbortSignal) => Promise<void>;
  readonly reports: () => ReportState;
}

/** Writes the status of policies and, where their API is installed, reports. */
export function createFindingsPublisher(
  session: Session,
  ports: AuditPorts,
  settings: AuditSettings,
): FindingsPublisher {
  const { clock, onError: onError, report } = ports;
  const started = clock().getTime();
  const statuses = createPublisher<AuditStatus>({
    about: (policy) => `status of ImagePolicy ${policy}`,
    essence: ({ images }) => images,
    refreshMs: settings.everyMs,
    write: ports.writeStatus,
    ...{ clock, onError: onError, report },
  });
  const stored = ports.reports && createShelving(ports.reports, ports);
  let publishedVersion = -1;
  // Before everything was judged once, counts would fall to zero and rise again with every new leader.
  let ready = false;

  const statusOf = (): ReadonlyMap<string, AuditStatus> => {
    const names = ports
      .policies()
      .map(({ name }) => name)
      .filter((name) => !settings.builtInPolicies.includes(name));
    const now = clock();
    const tallies = tallyPolicies(names, session.findings.judgements());
    return new Map(
      [...tallies].map(([name, { counts, lastJudged = now }]) => [
        name,
        { images: counts, lastAudit: rfc3339(lastJudged) },
      ]),
    );
  };
  const reportsOf = (): ReadonlyMap<string, Report> =>
    buildReports(
      [...session.units.all()].flatMap((unit) => {
        const held = session.findings.get(unit.key);
        return held ? [{ unit, judgement: held.judgement, since: held.since }] : [];
      }),
    );

  return {
    publish: async (signal) => {
      const now = clock().getTime();
      ready ||= session.looked() || now - started >= settings.everyMs;
      if (ready && (session.version() !== publishedVersion || statuses.due())) {
        publishedVersion = session.version();
        await statuses.publish(statusOf(), signal);
      }
      if (ready && stored) await stored.keep(session.version(), reportsOf, signal);
    },
    reports: () => (stored ? stored.state() : 'off'),
  };
}

interface Shelving {
  readonly keep: (
    version: number,
    reports: () => ReadonlyMap<string, Report>,
    signal: AbortSignal,
  ) => Promise<void>;
  readonly state: () => ReportState;
}

function createShelving(stored: ReportStore, { clock, onError: onError, report }: AuditPorts): Shelving {
  let lookedAt = -Infinity;
  let publisher: Publisher<Report> | undefined;
  let keptVersion = -1;
  const open = async (signal: AbortSignal): Promise<Publisher<Report>> => {
    const fresh = createPublisher<Report>({
      about: (namespace) => `Report of namespace ${namespace}`,
      essence: (value) => value,
      refreshMs: Infinity,
      write: stored.write,
      remove: stored.remove,
      ...{ clock, onError: onError, report },
    });
    // What an earlier leader wrote is ours to correct.
    fresh.adopt(await stored.namespaces(signal));
    keptVersion = -1;
    return fresh;
  };
  const look = async (signal: AbortSignal) => {
    const now = clock().getTime();
    if (now - lookedAt < LOOK_FOR_REPORTS_MS) return;
    lookedAt = now;
    try {
      publisher = (await stored.installed(signal)) ? (publisher ?? (await open(signal))) : undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Fault) onError({ operation: 'look for Reports', detail: error.message });
      else report(error);
    }
  };
  return {
    keep: async (version, reports, signal) => {
      await look(signal);
      if (!publisher || (version === keptVersion && !publisher.due())) return;
      keptVersion = version;
      await publisher.publish(reports(), signal);
    },
    state: () => (publisher ? 'kept' : 'not installed'),
  };
}
