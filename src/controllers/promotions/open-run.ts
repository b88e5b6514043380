import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Cluster, WatchCollection } from '../../clients/kubernetes/index.ts';
import { Fault, objectOf, type Time } from '../../core/model/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { createRunStore, customObject } from './cluster-store.ts';
import { createExecutions, type ClusterOpening } from './executions.ts';
import type { Executions, ObjectName, RunnerPorts } from './ports.ts';
import { executeWhenFree } from './run/execute-run.ts';
import { createRunLeases } from './run/run-lease.ts';

/** What one run is opened with. */
interface RunOptions extends ClusterOpening {
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
interface OpenRun {
  readonly execute: (signal: AbortSignal) => ReturnType<typeof executeWhenFree>;
  readonly close: () => Promise<void>;
}

/** Opens one run of a cluster, as Jobs do: carried out by the same code as in the controller, with what this process may read. */
export function openRun({ namespace, name }: ObjectName, options: RunOptions): OpenRun {
  const { cluster, holder, time, report } = options;
  const approvals = openApprovals(namespace, options);
  const executions = createExecutions(options);
  const open: Executions['open'] = async (subject, signal) => {
    const denied = approvals.denied();
    // Thrown here, it becomes the reason why the run failed.
    if (denied) throw denied;
    await settledOr(signal, options.rootKnown);
    return executions.open(subject, signal);
  };
  const ports: RunnerPorts = {
    ...{ ...time, executions: { ...executions, open }, approvals: approvals.of, report },
    identity: `${holder}/${randomUUID()}`,
    runs: createRunStore(cluster),
  };
  return {
    execute: async (signal) => {
      // Without them it would look as if no one had decided anything.
      await settledOr(signal, approvals.settled);
      return executeWhenFree({ namespace, name }, { ports, leases: createRunLeases(ports) }, signal);
    },
    close: approvals.close,
  };
}

async function settledOr(signal: AbortSignal, settled: Promise<void>): Promise<void> {
  if (!signal.aborted) await Promise.race([settled, once(signal, 'abort')]);
}

/**
 * Begins to read the approvals of a namespace; what may pass is logged and tried again. `settled` resolves when they were read, or
 * when it is sure that they may not be; then `denied` says why.
 */
function openApprovals(namespace: string, { cluster, watchCollection, onReadFailure }: RunOptions) {
  const { promise: settled, resolve: settle } = Promise.withResolvers<undefined>();
  const done = (): void => {
    settle(undefined);
  };
  let denied: Fault | undefined;
  const approvals = watchCollection({
    cluster,
    collection: { resource: RESOURCES.promotionApprovals, namespace },
    select: customObject,
    onError: (error) => {
      onReadFailure('approvals', error);
      if (!(error instanceof Fault) || error.transient) return;
      denied = error;
      done();
    },
  });
  approvals.synced.then(done, done);
  return {
    of: ({ name }: ObjectName) =>
      [...approvals.values()].filter(({ spec }) => objectOf(spec).runName === name),
    settled,
    denied: () => (approvals.hasSynced() ? undefined : denied),
    close: () => approvals.close(),
  };
}
