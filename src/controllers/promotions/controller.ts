import { once } from 'node:events';
import type { WorkQueue } from '../../clients/kubernetes/index.ts';
import { createRunLeases } from './run/run-lease.ts';
import { driveHere, driveJobs, type Drive } from './run/drive-run.ts';
import type { JobTemplate } from './jobs/job.ts';
import { lookAtTarget } from './reassess-due.ts';
import type { Reconciling } from './refresh.ts';
import { reconcilePromotion } from './reconcile-promotion.ts';
import { keyOf, type ControllerPorts, type ObjectName } from './ports.ts';

/** How runs are executed. */
export interface ControllerOptions {
  /** Most runs at a time. */
  readonly maxConcurrentRuns: number;
  /** Milliseconds between two judgements of the images at the target of a promotion. */
  readonly rejudgeEveryMs: number;
  /** Absent = in this process; else each as a Job. */
  readonly job?: Omit<JobTemplate, 'deadlineMs'>;
}

/** Runs promotions while this process leads. */
export interface PromotionController {
  /** One term; ends after the signal, when all work has stopped and another replica can continue it. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** An ImagePromotion was created, changed or deleted. */
  readonly onPromotion: (promotion: ObjectName) => void;
  /** The same for an ImagePromotionRun; `promotion` is the name of its promotion, if it is known. */
  readonly onRun: (run: ObjectName, promotion: string | undefined) => void;
  /** A PromotionApproval was created for this run. */
  readonly onApproval: (run: ObjectName) => void;
}

/** Promotions reconciled in parallel: a reconciliation is quick, only runs take long. */
const CONCURRENCY = 4;
/** One: judging again is not urgent, and so a registry gets the requests of one check at a time. */
const TARGETS_AT_ONCE = 1;

/** Makes the controller. */
export function createPromotionController(
  ports: ControllerPorts,
  { maxConcurrentRuns, rejudgeEveryMs, job }: ControllerOptions,
): PromotionController {
  const running = { ports, leases: createRunLeases(ports) };
  const owners = new Map<string, ObjectName>();
  const stops = new Map<string, AbortController>();
  let queues: Readonly<Record<'promotions' | 'runs' | 'targets', WorkQueue>> | undefined;

  const drive: Drive =
    job && ports.jobs
      ? driveJobs(running, { jobs: ports.jobs, template: job, maxAtOnce: maxConcurrentRuns })
      : driveHere(running);
  const driveKey = async (key: string, signal: AbortSignal) => {
    const stop = new AbortController();
    stops.set(key, stop);
    try {
      const again = await drive(nameOf(key), AbortSignal.any([signal, stop.signal]));
      const owner = owners.get(key);
      // A run that only waits changes nothing; its promotion would request it again at once, in a loop.
      if (owner && !again) onPromotion(owner);
      return again;
    } finally {
      stops.delete(key);
    }
  };
  const reconciling: Reconciling = {
    ports,
    begun: new Map(),
    statuses: new Map(),
    looks: new Map(),
    rejudgeEveryMs,
    lookAtTarget: (promotion) => queues?.targets.add(keyOf(promotion)),
    execute: (promotion, run) => {
      owners.set(keyOf(run), promotion);
      queues?.runs.add(keyOf(run));
    },
    stop: (promotion) => {
      for (const [run, owner] of owners) {
        if (keyOf(owner) !== keyOf(promotion)) continue;
        stops.get(run)?.abort();
        owners.delete(run);
      }
    },
  };
  const troubled = (what: string) => (key: string, error: unknown) => {
    const detail = error instanceof Error ? error.message : 'it failed';
    ports.onError({ operation: `${what} ${key}`, detail });
  };
  const onPromotion = (promotion: ObjectName): void => queues?.promotions.add(keyOf(promotion));

  return {
    run: async (signal) => {
      const leading = {
        promotions: ports.makeQueue({
          reconcile: (key, closing) => reconcilePromotion(nameOf(key), reconciling, closing),
          concurrency: CONCURRENCY,
          onFailure: troubled('look at ImagePromotion'),
        }),
        runs: ports.makeQueue({
          reconcile: driveKey,
          concurrency: maxConcurrentRuns,
          onFailure: troubled('carry out ImagePromotionRun'),
        }),
        targets: ports.makeQueue({
          reconcile: async (key, closing) => {
            await lookAtTarget(nameOf(key), reconciling, closing);
            onPromotion(nameOf(key));
            return undefined;
          },
          concurrency: TARGETS_AT_ONCE,
          onFailure: troubled('judge again what is at the target of ImagePromotion'),
        }),
      };
      queues = leading;
      for (const { metadata } of ports.promotions()) onPromotion(metadata);
      if (!signal.aborted) await once(signal, 'abort');
      queues = undefined;
      await Promise.all(Object.values(leading).map((queue) => queue.close()));
      // The next term starts without memory: other replicas have written in between.
      for (const memory of [reconciling.begun, reconciling.statuses, reconciling.looks, owners])
        memory.clear();
    },
    onPromotion,
    onRun: (run, promotion) => {
      const { namespace } = run;
      const owner = promotion === undefined ? owners.get(keyOf(run)) : { namespace, name: promotion };
      if (owner) onPromotion(owner);
      // The end of a run makes room for another one; a run in this process reports its end itself.
      if (job && owners.has(keyOf(run))) queues?.runs.add(keyOf(run));
    },
    onApproval: (run) => {
      const owner = owners.get(keyOf(run));
      const all = [...ports.promotions()].filter(({ metadata }) => metadata.namespace === run.namespace);
      for (const one of owner ? [owner] : all.map(({ metadata }) => metadata)) onPromotion(one);
    },
  };
}

function nameOf(key: string): ObjectName {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
