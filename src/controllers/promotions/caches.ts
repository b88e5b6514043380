import type {
  Cluster,
  KubeObject,
  Reflector,
  Resource,
  WatchCollection,
} from '../../clients/kubernetes/index.ts';
import { objectOf, textOf } from '../../core/model/index.ts';
import type { ImagePromotionStatus } from '../../core/promotion/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { customObject, knownRun } from './cluster-store.ts';
import type { ApprovalObject, ControllerPorts, ObjectName } from './ports.ts';

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
  const { cluster, watchCollection } = options;
  const watch = <T>(
    what: string,
    given: {
      readonly resource: Resource;
      readonly select: (object: KubeObject) => T;
      readonly onChange: (name: ObjectName, value: T) => void;
      readonly pageSize?: number;
    },
  ): Reflector<T> =>
    watchCollection({
      ...{ ...given, cluster, collection: { resource: given.resource } },
      onChange: ({ namespace = '', name, ...change }) => {
        given.onChange({ namespace, name }, change.type === 'set' ? change.value : change.previous);
      },
      onError: (error) => {
        options.onError(what, error);
      },
    });
  const promotions = watch('image promotions', {
    resource: RESOURCES.promotions,
    select: customObject<ImagePromotionStatus>,
    onChange: options.onPromotion,
  });
  const runs = watch('image promotion runs', {
    resource: RESOURCES.promotionRuns,
    select: knownRun,
    pageSize: RUNS_ON_PAGE,
    onChange: (name, { spec }) => {
      options.onRun(name, textOf(objectOf(objectOf(spec).promotion).name));
    },
  });
  const approvals = watch<ApprovalObject>('promotion approvals', {
    resource: RESOURCES.promotionApprovals,
    select: customObject,
    onChange: ({ namespace }, { spec }) => {
      options.onApproval({ namespace, name: textOf(objectOf(spec).runName) });
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
        (run) => run.metadata.namespace === namespace && objectOf(objectOf(run.spec).promotion).uid === uid,
      ),
    approvals: ({ namespace, name }) =>
      [...approvals.values()].filter(
        ({ metadata, spec }) => metadata.namespace === namespace && objectOf(spec).runName === name,
      ),
    synced,
    close: async () => {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}
