import type {
  Change,
  Cluster,
  KubeObject,
  Reflector,
  Resource,
  WatchCollection,
} from '../../clients/kubernetes/index.ts';
import { objectOf, textOf } from '../../core/model/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { approvalObject, knownRun, promotionObject } from './cluster-store.ts';
import type { ApprovalObject, ControllerPorts, ObjectName, PromotionObject, RunObject } from './ports.ts';

/** What the leader keeps in memory of promotions, of all namespaces. */
export interface PromotionCaches extends Pick<
  ControllerPorts,
  'promotions' | 'promotion' | 'runsOf' | 'approvals'
> {
  /** Resolves when everything was read once; rejects when closed before. */
  readonly synced: Promise<void>;
  readonly close: () => Promise<void>;
}

/** What opening them takes. */
export interface PromotionCachesOptions {
  readonly cluster: Pick<Cluster, 'list' | 'watch'>;
  readonly watchCollection: WatchCollection;
  readonly onPromotion: (promotion: ObjectName) => void;
  /** A run changed; `promotion` is the name of its promotion. */
  readonly onRun: (run: ObjectName, promotion: string) => void;
  /** An approval of this run changed. */
  readonly onApproval: (run: ObjectName) => void;
  readonly onError: (what: string, error: unknown) => void;
}

/** Runs asked for at once: one of them may have a hundred kilobytes. */
const RUNS_ON_PAGE = 50;

/** Opens the caches; they fill in the background. Runs are kept without the fields that only the holder of their lease needs. */
export function openPromotionCaches(options: PromotionCachesOptions): PromotionCaches {
  const { cluster, watchCollection, onPromotion, onRun, onApproval, onError } = options;
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
  const promotions = watch<PromotionObject>('image promotions', RESOURCES.promotions, {
    select: promotionObject,
    onChange: onPromotion,
  });
  const runs = watch<RunObject>('image promotion runs', RESOURCES.promotionRuns, {
    select: knownRun,
    pageSize: RUNS_ON_PAGE,
    onChange: (name, { spec }) => {
      onRun(name, textOf(objectOf(objectOf(spec).promotion).name));
    },
  });
  const approvals = watch<ApprovalObject>('promotion approvals', RESOURCES.promotionApprovals, {
    select: approvalObject,
    onChange: ({ namespace }, { spec }) => {
      onApproval({ namespace, name: textOf(objectOf(spec).runName) });
    },
  });
  const all = [promotions, runs, approvals];
  const synced = Promise.all(all.map((one) => one.synced)).then(() => undefined);
  synced.catch(() => undefined); // A caller may never wait for it.
  return {
    promotions: () => promotions.values(),
    promotion: ({ namespace, name }) => promotions.get(name, namespace),
    runsOf: ({ metadata: { namespace, uid } }) =>
      [...runs.values()].filter(
        ({ metadata, spec }) =>
          metadata.namespace === namespace && textOf(objectOf(objectOf(spec).promotion).uid) === uid,
      ),
    approvals: (run) =>
      [...approvals.values()].filter(
        ({ metadata, spec }) =>
          metadata.namespace === run.namespace && textOf(objectOf(spec).runName) === run.name,
      ),
    synced,
    close: async () => {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

function nameOf({ namespace = '', name }: Change<unknown>): ObjectName {
  return { namespace, name };
}
