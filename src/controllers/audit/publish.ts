import { digestOf, rfc3339 } from '../../core/model/index.ts';
import {
  reportFailure,
  type AuditPorts,
  type AuditSettings,
  type AuditStatus,
  type ReportStore,
  type WriteAnswer,
} from './ports.ts';
import { buildReports, type Report } from './report.ts';
import type { Session } from './session.ts';
import { tallyPolicies } from './tally.ts';

/** How values get to where they are read. */
interface Publishing<T> extends Pick<AuditPorts, 'clock' | 'onError' | 'report'> {
  /** What is written, for a person: `status of ImagePolicy production`. */
  readonly about: (key: string) => string;
  /** What makes one value another one. */
  readonly essence: (value: T) => unknown;
  /** Milliseconds after which a value is written again although it has not changed. */
  readonly refreshMs: number;
  readonly write: (key: string, value: T, signal: AbortSignal) => Promise<WriteAnswer>;
  /** Absent = what is no longer wanted is left alone. */
  readonly remove?: (key: string, signal: AbortSignal) => Promise<WriteAnswer>;
}

/** Writes what changed, once. */
interface Publisher<T> {
  /** Makes what is written equal to this; what fails is tried again by the next call. */
  readonly publish: (wanted: ReadonlyMap<string, T>, signal: AbortSignal) => Promise<void>;
  /** Whether something failed at the last call, or has to be written again by now. */
  readonly due: () => boolean;
}

/** HTTP status of an answer that says that the object is gone. */
const NOT_FOUND = 404;

/** Remembers what was written by its hash. `keys` = what an earlier leader wrote is ours to correct. */
function createPublisher<T>(given: Publishing<T>, keys: readonly string[] = []): Publisher<T> {
  const written = new Map(keys.map((key) => [key, { hash: '', at: 0 }]));
  let behind = false;

  const attempt = async (key: string, call: () => Promise<WriteAnswer>, signal: AbortSignal) => {
    const operation = `write ${given.about(key)}`;
    try {
      const answer = await call();
      // The object was removed, and the value with it.
      if (answer.ok || answer.status === NOT_FOUND) return true;
      given.onError({ operation, detail: answer.message });
    } catch (error) {
      if (signal.aborted) return false;
      reportFailure(operation, error, given);
    }
    behind = true;
    return false;
  };
  const write = async (key: string, value: T, signal: AbortSignal) => {
    const hash = digestOf(JSON.stringify(given.essence(value)));
    const at = given.clock().getTime();
    const before = written.get(key);
    if (before?.hash === hash && at - before.at < given.refreshMs) return;
    if (await attempt(key, () => given.write(key, value, signal), signal)) written.set(key, { hash, at });
  };
  const drop = async (key: string, signal: AbortSignal) => {
    const { remove } = given;
    if (!remove || (await attempt(key, () => remove(key, signal), signal))) written.delete(key);
  };

  return {
    due: () => {
      const now = given.clock().getTime();
      return behind || [...written.values()].some(({ at }) => now - at >= given.refreshMs);
    },
    publish: async (wanted, signal) => {
      behind = false;
      for (const [key, value] of wanted) {
        if (signal.aborted) return;
        await write(key, value, signal);
      }
      for (const key of written.keys()) {
        if (signal.aborted) return;
        if (!wanted.has(key)) await drop(key, signal);
      }
    },
  };
}

/** Milliseconds between two checks for the API of reports: it may be installed at any time. */
const LOOK_FOR_REPORTS_MS = 60_000;

/** Writes the status of policies and, where their API is installed, reports. */
export function createFindingsPublisher(session: Session, ports: AuditPorts, settings: AuditSettings) {
  const { clock, onError, report } = ports;
  const started = clock().getTime();
  const statuses = createPublisher<AuditStatus>({
    about: (policy) => `status of ImagePolicy ${policy}`,
    essence: ({ images }) => images,
    refreshMs: settings.everyMs,
    write: ports.writeStatus,
    ...{ clock, onError, report },
  });
  const keepReports = ports.reports && reportKeeper(ports.reports, ports);
  let publishedVersion = -1;
  // Before everything was judged once, counts would fall to zero and rise again with every new leader.
  let ready = false;

  const statusOf = (): ReadonlyMap<string, AuditStatus> => {
    const names = ports.policies().map(({ name }) => name);
    const own = names.filter((name) => !settings.builtInPolicies.includes(name));
    const now = clock();
    return new Map(
      [...tallyPolicies(own, session.findings.values())].map(
        ([name, { counts: images, lastJudged = now }]) => [name, { images, lastAudit: rfc3339(lastJudged) }],
      ),
    );
  };

  return {
    /** Writes what changed since the last call; never rejects for anything the cluster does. */
    publish: async (signal: AbortSignal): Promise<void> => {
      const now = clock().getTime();
      ready ||= session.looked() || now - started >= settings.everyMs;
      if (ready && (session.version() !== publishedVersion || statuses.due())) {
        publishedVersion = session.version();
        await statuses.publish(statusOf(), signal);
      }
      if (ready) await keepReports?.(session, signal);
    },
  };
}

/** Keeps reports while their API is installed. */
function reportKeeper(stored: ReportStore, ports: AuditPorts) {
  const { clock, onError, report } = ports;
  let lookedAt = -Infinity;
  let publisher: Publisher<Report> | undefined;
  let keptVersion = -1;
  const open = async (signal: AbortSignal): Promise<Publisher<Report>> => {
    keptVersion = -1;
    const reports: Publishing<Report> = {
      about: (namespace) => `Report of namespace ${namespace}`,
      essence: (value) => value,
      refreshMs: Infinity,
      ...{ write: stored.write, remove: stored.remove, clock, onError, report },
    };
    return createPublisher(reports, await stored.namespaces(signal));
  };
  const look = async (signal: AbortSignal) => {
    const now = clock().getTime();
    if (now - lookedAt < LOOK_FOR_REPORTS_MS) return;
    lookedAt = now;
    try {
      publisher = (await stored.installed(signal)) ? (publisher ?? (await open(signal))) : undefined;
    } catch (error) {
      if (!signal.aborted) reportFailure('look for Reports', error, ports);
    }
  };
  return async ({ version, findings }: Session, signal: AbortSignal) => {
    await look(signal);
    if (!publisher || (version() === keptVersion && !publisher.due())) return;
    keptVersion = version();
    await publisher.publish(buildReports(findings.values()), signal);
  };
}
