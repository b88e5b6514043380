import { textOf, objectOf } from '../core/model/index.ts';
import {
  watchCollection,
  type Change,
  type Cluster,
  type KubeObject,
  type Reflector,
  type Resource,
} from '../clients/kubernetes/index.ts';
import {
  approvalObject,
  knownRun,
  promotionObject,
  type ApprovalObject,
  type ObjectName,
  type PromotionObject,
  type RunObject,
} from '../controllers/promotions/index.ts';
import { RESOURCES } from '../core/workload/index.ts';

/** What the leader keeps in memory of promotions, of all namespaces. */
export interface PromotionCaches {
  readonly promotions: Reflector<PromotionObject>;
  /** Without what only whoever carries them out needs: that is read when it is. */
  readonly runs: Reflector<RunObject>;
  readonly approvals: Reflector<ApprovalObject>;
  /** Resolves when everything was read once; rejects when closed before. */
  readonly synced: Promise<void>;
  readonly close: () => Promise<void>;
}

/** What opening them takes. */
export interface PromotionCachesOptions {
  readonly cluster: Cluster;
  readonly onPromotion: (promotion: ObjectName) => void;
  /** A run changed; `promotion` is the name of its promotion. */
  readonly onRun: (run: ObjectName, promotion: string) => void;
  /** An approval of this run changed. */
  readonly onApproval: (run: ObjectName) => void;
  readonly onError: (what: string, error: unknown) => void;
}

/** Runs asked for at once: one of them may have a hundred kilobytes. */
const RUNS_ON_PAGE = 50;

/** Opens the caches; they fill in the background. */
export function openPromotionCaches(options: PromotionCachesOptions): PromotionCaches {
  const { cluster, onPromotion, onRun, onApproval, onError: onError } = options;
  const watch = <T>(
    what: string,
    resource: Resource,
    given: {
      readonly select: (object: KubeObject) => T;
      readonly onChange: (name: ObjectName, value: T) => void;
      readonly pageSize?: number;
    },
  ): Reflector<T> =>
    watchCollection({
      cluster,
      collection: { resource },
      ...given,
      onChange: (change) => {
        given.onChange(nameOf(change), change.type === 'set' ? change.value : change.previous);
      },
      onError: (error) => {
        onError(what, error);
      },
    });
  const promotions = watch('image promotions', RESOURCES.promotions, {
    select: promotionObject,
    onChange: onPromotion,
  });
  const runs = watch('image promotion runs', RESOURCES.promotionRuns, {
    select: knownRun,
    pageSize: RUNS_ON_PAGE,
    onChange: (name, { spec }) => {
      onRun(name, textOf(objectOf(objectOf(spec).promotion).name));
    },
  });
  const approvals = watch('promotion approvals', RESOURCES.promotionApprovals, {
    select: approvalObject,
    onChange: ({ namespace }, { spec }) => {
      onApproval({ namespace, name: textOf(objectOf(spec).runName) });
    },
  });
  const all = [promotions, runs, approvals];
  const synced = Promise.all(all.map((one) => one.synced)).then(() => undefined);
  synced.catch(() => undefined); // told to whoever waits; nobody has to
  return {
    promotions,
    runs,
    approvals,
    synced,
    close: async () => {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

function nameOf({ namespace = '', name }: Change<unknown>): ObjectName {
  return { namespace, name };
}
