import type { Gauge } from '../../core/model/index.ts';
import type { Verdict } from '../../core/model/index.ts';
import type { AuditPorts, AuditSettings, Pods } from './ports.ts';
import { openSession, type Session } from './session.ts';
import { countVerdicts } from './tally.ts';
import { createFindingsPublisher, type ReportState, type FindingsPublisher } from './publish-status.ts';

/** How far the audit is, for people. */
export interface AuditSnapshot {
  /** Only the leader audits. */
  readonly running: boolean;
  readonly pods: number;
  /** Distinct images by the worst verdict on them. */
  readonly images: Readonly<Record<Verdict['kind'], number>>;
  /** Image, namespace and logins together: what is judged one by one. */
  readonly units: number;
  readonly judged: number;
  /** Units whose turn has not come. */
  readonly queued: number;
  /** Containers that have not been started yet. */
  readonly waiting: number;
  readonly reports: ReportState;
}

/** What already runs, judged again as time passes. */
export interface Audit {
  /** Audits these pods until the signal; settles when nothing runs any longer. For the leader only; may be called again after it. */
  readonly run: (signal: AbortSignal, pods: Pods) => Promise<void>;
  readonly gauges: readonly Gauge[];
  readonly snapshot: () => AuditSnapshot;
}

/** Milliseconds between two rounds of writing: no reader needs updates faster than this. */
export const PUBLISH_EVERY_MS = 5_000;

/** Joins units, schedule and the publishing of results. Nothing happens before `run`. */
export function createAudit(ports: AuditPorts, settings: AuditSettings): Audit {
  let current: { readonly session: Session; readonly publisher: FindingsPublisher } | undefined;
  const verdicts = () => (current ? countVerdicts(current.session.findings.judgements()) : []);
  return {
    run: async (signal, pods) => {
      if (signal.aborted) return;
      const session = openSession(pods, { ports, settings }, signal);
      const publisher = createFindingsPublisher(session, ports, settings);
      current = { session, publisher: publisher };
      try {
        while (await pause(PUBLISH_EVERY_MS, ports, signal))
          await publisher.publish(signal).catch(ports.report);
      } finally {
        current = undefined;
        await session.close();
      }
    },
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
        read: () => (current ? [{ labels: {}, value: waitingIn(current.session) }] : []),
      },
    ],
    snapshot: () => snapshotOf(current, verdicts()),
  };
}

function waitingIn({ units, findings }: Session): number {
  const counts = units.counts();
  return counts.waiting + Math.max(0, counts.units - findings.size());
}

function snapshotOf(
  current: { readonly session: Session; readonly publisher: FindingsPublisher } | undefined,
  verdicts: ReturnType<typeof countVerdicts>,
): AuditSnapshot {
  const images = { allow: 0, warn: 0, deny: 0, unknown: 0 };
  for (const { verdict, images: count } of verdicts) images[verdict] += count;
  const counts = current?.session.units.counts() ?? { units: 0, pods: 0, waiting: 0 };
  return {
    running: current !== undefined,
    images,
    ...counts,
    judged: current?.session.findings.size() ?? 0,
    queued: current?.session.queued() ?? 0,
    reports: current?.publisher.reports() ?? 'off',
  };
}

/** Waits; `false` when the signal came first. */
async function pause(ms: number, { after }: AuditPorts, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = after(ms, () => {
    resolve(true);
  });
  const stop = () => {
    resolve(false);
  };
  signal.addEventListener('abort', stop, { once: true });
  const passed = await promise;
  cancel();
  signal.removeEventListener('abort', stop);
  return passed;
}
