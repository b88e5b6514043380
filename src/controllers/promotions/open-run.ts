import { randomUUID } from 'node:crypto';
import type { Cluster, WatchCollection } from '../../clients/kubernetes/index.ts';
import { Fault, objectOf, textOf } from '../../core/model/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { createRunStore, approvalObject } from './cluster-store.ts';
import { createExecutions, type ClusterOpening } from './executions.ts';
import type { ApprovalObject, Executions, ObjectName, RunnerPorts, Time } from './ports.ts';
import { executeWhenFree } from './run/execute-run.ts';
import { createRunLeases } from './run/run-lease.ts';

/** What one run is opened with. */
export interface RunOptions extends ClusterOpening {
  readonly cluster: Pick<Cluster, 'get' | 'list' | 'watch' | 'replace'>;
  /** Who holds the lease, for people and for the controller: the name of a Job. */
  readonly holder: string;
  readonly time: Time;
  readonly watchCollection: WatchCollection;
  /** Resolves when what policies trust is known. */
  readonly rootKnown: Promise<void>;
  /** Logs that a collection of the API server could not be read. */
  readonly onReadFailure: (what: string, error: unknown) => void;
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** One run, ready to be carried out as soon as no one else does. */
export interface OpenRun {
  readonly execute: (signal: AbortSignal) => ReturnType<typeof executeWhenFree>;
  readonly close: () => Promise<void>;
}

/** Opens one run of a cluster, as Jobs do: carried out by the same code as in the controller, with what this process may read. */
export function openRun({ namespace, name }: ObjectName, options: RunOptions): OpenRun {
  const { cluster, holder, time, report } = options;
  const approvals = openApprovals(namespace, options);
  const ports: RunnerPorts = {
    ...time,
    identity: `${holder}/${randomUUID()}`,
    runs: createRunStore(cluster),
    executions: executionsAfter(options, approvals),
    approvals: approvals.of,
    report,
  };
  return {
    execute: async (signal) => {
      // Without them it would look as if no one had decided anything.
      await settledOr(signal, approvals.settled);
      return executeWhenFree({ namespace, name }, { ports, claims: createRunLeases(ports) }, signal);
    },
    close: () => approvals.close(),
  };
}

function executionsAfter(options: RunOptions, approvals: RunApprovals): Executions {
  const executions = createExecutions(options);
  return {
    check: executions.check,
    open: async (subject, signal) => {
      const denied = approvals.denied();
      // Thrown here, it becomes the reason why the run failed.
      if (denied) throw denied;
      await settledOr(signal, options.rootKnown);
      return executions.open(subject, signal);
    },
  };
}

async function settledOr(signal: AbortSignal, settled: Promise<void>): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const stop = (): void => {
    resolve(undefined);
  };
  signal.addEventListener('abort', stop, { once: true });
  await Promise.race([settled, promise]);
  signal.removeEventListener('abort', stop);
}

/** The approvals of one namespace, while a run of it is carried out. */
interface RunApprovals {
  readonly of: RunnerPorts['approvals'];
  /** Resolves when they were read, or when it is sure that they may not be. */
  readonly settled: Promise<void>;
  /** Why they cannot be read; that will not pass by itself. */
  readonly denied: () => Fault | undefined;
  readonly close: () => Promise<void>;
}

/** Begins to read the approvals of a namespace; what may pass is logged and tried again. */
function openApprovals(
  namespace: string,
  { cluster, watchCollection, onReadFailure }: RunOptions,
): RunApprovals {
  const settled = Promise.withResolvers<undefined>();
  const settle = (): void => {
    settled.resolve(undefined);
  };
  let denied: Fault | undefined;
  const approvals = watchCollection<ApprovalObject>({
    cluster,
    collection: { resource: RESOURCES.promotionApprovals, namespace },
    select: approvalObject,
    onError: (error) => {
      onReadFailure('approvals', error);
      if (!(error instanceof Fault) || error.transient) return;
      denied = error;
      settle();
    },
  });
  approvals.synced.then(settle, settle);
  return {
    of: ({ name }) => [...approvals.values()].filter(({ spec }) => textOf(objectOf(spec).runName) === name),
    settled: settled.promise,
    denied: () => (approvals.hasSynced() ? undefined : denied),
    close: () => approvals.close(),
  };
}
