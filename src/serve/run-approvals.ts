import { watchCollection, type Cluster } from '../clients/kubernetes/index.ts';
import { Fault, textOf, objectOf } from '../core/model/index.ts';
import type { ApprovalObject, RunnerPorts } from '../controllers/promotions/index.ts';
import { approvalObject } from '../controllers/promotions/index.ts';
import { RESOURCES } from '../core/workload/index.ts';

/** The approvals of one namespace, while a run of it is carried out. */
export interface RunApprovals {
  readonly of: RunnerPorts['approvals'];
  /** Resolves when they were read, or when it is sure that they may not be. */
  readonly settled: Promise<void>;
  /** Why they cannot be read; that will not pass by itself. */
  readonly denied: () => Fault | undefined;
  readonly close: () => Promise<void>;
}

/** Begins to read the approvals of a namespace; what may pass is told and tried again. */
export function openRunApprovals(
  cluster: Pick<Cluster, 'list' | 'watch'>,
  namespace: string,
  onError: (error: unknown) => void,
): RunApprovals {
  const settled = Promise.withResolvers<undefined>();
  let denied: Fault | undefined;
  const approvals = watchCollection<ApprovalObject>({
    cluster,
    collection: { resource: RESOURCES.promotionApprovals, namespace },
    select: approvalObject,
    onError: (error) => {
      onError(error);
      if (!(error instanceof Fault) || error.transient) return;
      denied = error;
      settled.resolve(undefined);
    },
  });
  const settle = (): void => {
    settled.resolve(undefined);
  };
  approvals.synced.then(settle, settle);
  return {
    of: ({ name }) => [...approvals.values()].filter(({ spec }) => textOf(objectOf(spec).runName) === name),
    settled: settled.promise,
    denied: () => (approvals.hasSynced() ? undefined : denied),
    close: () => approvals.close(),
  };
}
