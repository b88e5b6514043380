import { setImmediate } from 'node:timers/promises';
import type { Requeue } from '../../clients/kubernetes/index.ts';
import { Fault } from '../../core/model/index.ts';
import { judgeUnit, needsRegistry, type Judgement } from './judge-group.ts';
import { reportFailure, type AuditChange, type AuditPorts, type AuditSettings, type Pods } from './ports.ts';
import { createRegistryQueues } from './registry-queues.ts';
import { createUnits, type Unit, type Units } from './image-groups.ts';
import { announcementOf, podEvents, type Announced } from './pod-events.ts';

/** Units judged at the same time: enough to hide the latency of a few registries, few beside what admissions do. */
const CONCURRENCY = 8;
/** Milliseconds one unit may take: no caller waits for it, and a registry that hangs must not hold a place for long. */
export const UNIT_DEADLINE_MS = 30_000;
/** Milliseconds after which a transient finding, or a failure, is judged again. */
export const RETRY_MS = 60_000;
/** Pods grouped in one go, when a term begins: 20,000 take 80 ms. */
const PODS_IN_TURN = 500;
/** Half of the share of the interval by which looks are spread, so that they do not come in waves. */
const JITTER = 0.1;

/** What is known while this process leads. */
export interface Session {
  readonly units: Units;
  /** By the key of the unit. */
  readonly findings: ReadonlyMap<string, Held>;
  /** How many wait for their turn or run. */
  readonly queued: () => number;
  /** Grows with every change to what is published. */
  readonly version: () => number;
  /** Whether every unit has been judged at least once. */
  readonly looked: () => boolean;
  /** Follows a change. */
  readonly follow: (change: AuditChange) => void;
  /** Waits for what runs. */
  readonly close: () => Promise<void>;
}

/** Reads all pods, and judges what is due, until the signal. */
export function openSession(
  pods: Pods,
  { ports, settings }: { readonly ports: AuditPorts; readonly settings: AuditSettings },
  signal: AbortSignal,
): Session {
  const units = createUnits();
  const findings = new Map<string, Held>();
  let version = 0;

  const dueAfter = (judgement: Judgement): Requeue => {
    const spread = 1 - JITTER + 2 * JITTER * ports.random();
    const transient = judgement.verdict.findings.some((finding) => finding.transient);
    const every = transient ? Math.min(RETRY_MS, settings.everyMs) : settings.everyMs;
    const routineMs = every * spread;
    const changesInMs = (judgement.changesAt?.getTime() ?? Infinity) - ports.clock().getTime();
    return changesInMs < routineMs
      ? { requeueAfterMs: Math.max(0, changesInMs), fresh: true }
      : { requeueAfterMs: routineMs, fresh: false };
  };
  const reconcile = async (key: string): Promise<Requeue | undefined> => {
    const unit = units.get(key);
    if (!unit || signal.aborted) return undefined;
    try {
      const judgement = await judgeInTime(unit, { ports, settings, signal });
      // Meanwhile its last pod may have gone, or this process may no longer lead: then it has no say.
      if (stopped(signal) || units.get(key) !== unit) return undefined;
      const { held, events } = hold(unit, judgement, findings.get(key));
      findings.set(key, held);
      for (const event of events) ports.recordEvent(event);
      version += 1;
      return dueAfter(judgement);
    } catch (error) {
      if (!stopped(signal))
        reportFailure(`judge ${unit.image} in ${unit.credentials.namespace}`, error, ports);
      return { requeueAfterMs: RETRY_MS, fresh: false };
    }
  };
  const order = createRegistryQueues({
    perSecond: settings.perRegistryPerSecond,
    registryOf: (key) => {
      const unit = units.get(key);
      return unit && needsRegistry(unit, ports.policies()) ? unit.use?.registry : undefined;
    },
  });
  const queue = ports.makeQueue({ reconcile, order, concurrency: CONCURRENCY });
  const setPod = (...pod: Parameters<Units['set']>): void => {
    const { appeared, gone } = units.set(...pod);
    if (appeared.length + gone.length > 0) version += 1;
    for (const key of gone) {
      findings.delete(key);
      queue.forget(key);
    }
    for (const key of appeared) queue.add(key, true);
  };
  const judgeAgain = (concerned: (unit: Unit) => boolean) => {
    for (const unit of units.all()) if (concerned(unit)) queue.add(unit.key, false);
  };
  // Pods that changed since the others began to be read: what is known of them is newer.
  const followed = new Set<string>();
  let isRead = false;
  const follow = (change: AuditChange) => {
    switch (change.type) {
      case 'set':
      case 'removed':
        if (!isRead) followed.add(`${change.namespace ?? ''}/${change.name}`);
        setPod(change.namespace ?? '', change.name, change.type === 'set' ? change.value : undefined);
        return;
      case 'policies':
        judgeAgain(() => true);
        version += 1;
        return;
      case 'namespace':
        judgeAgain(({ credentials }) => credentials.namespace === change.namespace);
    }
  };

  const readPods = async (): Promise<void> => {
    let read = 0;
    for (const pod of pods()) {
      if (pod && !followed.has(`${pod.namespace}/${pod.name}`)) setPod(pod.namespace, pod.name, pod);
      if (++read % PODS_IN_TURN === 0) await setImmediate();
      if (stopped(signal)) return;
    }
    isRead = true;
    followed.clear();
  };
  readPods().catch(ports.report);
  return {
    units,
    findings,
    queued: () => queue.size(),
    version: () => version,
    looked: () => isRead && findings.size >= units.counts().units,
    follow,
    close: () => queue.close(),
  };
}

/** A function, because the signal turns while others work: what it was before says nothing. */
function stopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** The judgement. A judge that ignores the deadline is not waited for. */
async function judgeInTime(
  unit: Unit,
  given: { readonly ports: AuditPorts; readonly settings: AuditSettings; readonly signal: AbortSignal },
): Promise<Judgement> {
  const { ports, settings, signal } = given;
  const deadline = new AbortController();
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const stop = () => {
    if (deadline.signal.aborted) return;
    deadline.abort();
    // What listens answers now, and its answer is better than none.
    cancelHardStop = ports.after(GRACE_MS, () => {
      reject(outOfTime(unit));
    });
  };
  let cancelHardStop: () => void = () => undefined;
  const cancelDeadline = ports.after(UNIT_DEADLINE_MS, stop);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const judging = { ports, unmatchedImages: settings.unmatchedImages };
    return await Promise.race([judgeUnit(unit, judging, deadline.signal), tooLate]);
  } finally {
    cancelDeadline();
    cancelHardStop();
    signal.removeEventListener('abort', stop);
  }
}

/** Milliseconds between the deadline and no longer waiting. */
const GRACE_MS = 1_000;

function outOfTime(unit: Unit): Fault {
  return new Fault({
    code: 'DeadlineExceeded',
    operation: `judge ${unit.image}`,
    side: 'source',
    transient: true,
    detail: 'the image could not be judged in time',
  });
}

/** A unit's last judgement, since when it is what it is, and what was said about it. */
export interface Held {
  readonly unit: Unit;
  readonly judgement: Judgement;
  readonly since: Date;
  readonly announced: Announced | undefined;
}

/** What is held after a judgement, and the events for the pods of the unit. */
function hold(unit: Unit, judgement: Judgement, before: Held | undefined) {
  const last = before && announcementOf(before.judgement);
  const { announced, events } = podEvents(unit, judgement, { announced: before?.announced, last });
  const same = JSON.stringify(last) === JSON.stringify(announcementOf(judgement));
  const since = before && same ? before.since : judgement.judgedAt;
  return { held: { unit, judgement, since, announced }, events };
}
