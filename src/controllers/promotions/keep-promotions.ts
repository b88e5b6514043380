import type {
  Cluster,
  KubeObject,
  Reflector,
  Resource,
  WatchCollection,
} from '../../clients/kubernetes/index.ts';
import { objectOf, textOf, type Gauge, type Log, type Time } from '../../core/model/index.ts';
import { parsePromotion, type ImagePromotionStatus } from '../../core/promotion/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { createJobStore, createRunStore, customObject, knownRun, promotionWrites } from './cluster-store.ts';
import { createPromotionController, type PromotionController } from './controller.ts';
import { createExecutions, createRejudge, withoutLogins, type ClusterOpening } from './executions.ts';
import { checkedForJobs } from './jobs/job.ts';
import type {
  ApprovalObject,
  ControllerPorts,
  ObjectName,
  PromotionMeter,
  PromotionObject,
} from './ports.ts';

/** What promotions are kept with. */
interface PromotionOptions
  extends ClusterOpening, Pick<ControllerPorts, 'identity' | 'recordEvent' | 'random' | 'report'> {
  readonly settings: Settings['promotions'];
  readonly cluster: Pick<Cluster, 'get' | 'list' | 'watch' | 'create' | 'replace' | 'apply' | 'remove'>;
  /** The controller's own namespace. */
  readonly installation: string;
  readonly time: Time;
  readonly watchCollection: WatchCollection;
  readonly createWorkQueue: ControllerPorts['makeQueue'];
  readonly meter: Pick<PromotionMeter, 'images' | 'bytes'>;
  readonly log: Log;
  /** Logs that a collection of the API server could not be read. */
  readonly onReadFailure: (what: string, error: unknown) => void;
}

/** Keeps promotions going while this replica leads. */
interface PromotionTasks {
  /** One term; ends with the signal, when what was under way has stopped. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Policies were swapped: promotions that name them may be able to go on. */
  readonly onPolicies: (names: readonly string[]) => void;
  readonly gauges: readonly Gauge[];
}

/** Runs the controller of promotions on a cluster. Only the leader reads promotions, their runs and approvals. */
export function keepPromotions(options: PromotionOptions): PromotionTasks {
  const { cluster, time, log, identity, recordEvent, random, report } = options;
  const flagged = new Map<string, number>();
  const waiting = new Set<string>();
  let term:
    { readonly caches: ReturnType<typeof openCaches>; readonly controller: PromotionController } | undefined;

  const begin = () => {
    const caches = openCaches(options, () => controller);
    const controller: PromotionController = createController(
      {
        ...{ ...time, ...promotionWrites(cluster), ...caches, identity, recordEvent, random, report },
        runs: createRunStore(cluster),
        executions: createExecutions(options.settings.execution === 'Job' ? withoutLogins(options) : options),
        rejudge: createRejudge(options),
        makeQueue: options.createWorkQueue,
        meter: {
          ...options.meter,
          flagged: (promotion, count) => {
            if (count > 0) flagged.set(promotion, count);
            else flagged.delete(promotion);
          },
          waiting: (promotion, isWaiting) => {
            if (isWaiting) waiting.add(promotion);
            else waiting.delete(promotion);
          },
        },
        onError: (trouble) => {
          log.warn(trouble, 'promoting could not do something, it is tried again');
        },
      },
      options,
    );
    return { caches, controller };
  };

  return {
    run: async (signal) => {
      const { caches, controller } = begin();
      const close = (): void => void caches.close();
      signal.addEventListener('abort', close, { once: true });
      await caches.synced.catch(() => undefined);
      term = { caches, controller };
      if (!signal.aborted) await controller.run(signal);
      term = undefined;
      // The next leader counts them.
      flagged.clear();
      waiting.clear();
      await caches.close();
    },
    onPolicies: (names) => {
      if (!term) return;
      const changed = new Set(names);
      for (const promotion of term.caches.promotions())
        if (policiesOf(promotion).some((name) => changed.has(name)))
          term.controller.onPromotion(promotion.metadata);
    },
    gauges: [
      {
        name: 'pratique_promotion_flagged_images',
        help: 'Images at the target of a promotion that would be blocked today.',
        labels: ['promotion'],
        read: () => [...flagged].map(([promotion, value]) => ({ labels: { promotion }, value })),
      },
      {
        name: 'pratique_promotion_rate_limited',
        help: 'Promotions with a run that waits for a registry, because that limits how much is asked of it.',
        labels: ['promotion'],
        read: () => [...waiting].map((promotion) => ({ labels: { promotion }, value: 1 })),
      },
    ],
  };
}

/** Runs asked for at once: one of them may have a hundred kilobytes. */
const RUNS_ON_PAGE = 50;

/**
 * Opens what the leader keeps in memory of promotions, of all namespaces; it fills in the background. Runs are kept without the
 * fields that only the holder of their lease needs. `synced` resolves when everything was read once; rejects when closed before.
 */
function openCaches(
  { cluster, watchCollection, onReadFailure }: PromotionOptions,
  controller: () => PromotionController,
) {
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
        onReadFailure(what, error);
      },
    });
  const promotions = watch('image promotions', {
    resource: RESOURCES.promotions,
    select: customObject<ImagePromotionStatus>,
    onChange: (name) => controller().onPromotion(name),
  });
  const runs = watch('image promotion runs', {
    resource: RESOURCES.promotionRuns,
    select: knownRun,
    pageSize: RUNS_ON_PAGE,
    onChange: (name, { spec }) => {
      controller().onRun(name, textOf(objectOf(objectOf(spec).promotion).name));
    },
  });
  const approvals = watch<ApprovalObject>('promotion approvals', {
    resource: RESOURCES.promotionApprovals,
    select: customObject,
    onChange: ({ namespace }, { spec }) => {
      controller().onApproval({ namespace, name: textOf(objectOf(spec).runName) });
    },
  });
  const all = [promotions, runs, approvals];
  const synced = Promise.all(all.map((one) => one.synced)).then(() => undefined);
  synced.catch(() => undefined); // A caller may never wait for it.
  return {
    promotions: () => promotions.values(),
    promotion: ({ namespace, name }: ObjectName) => promotions.get(name, namespace),
    runsOf: ({ metadata: { namespace, uid } }: PromotionObject) =>
      [...runs.values()].filter(
        (run) => run.metadata.namespace === namespace && objectOf(objectOf(run.spec).promotion).uid === uid,
      ),
    approvals: ({ namespace, name }: ObjectName) =>
      [...approvals.values()].filter(
        ({ metadata, spec }) => metadata.namespace === namespace && objectOf(spec).runName === name,
      ),
    synced,
    close: async () => {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

/** Runs are carried out in this process or, by the settings, each by a Job. */
function createController(
  ports: ControllerPorts,
  { settings, cluster, installation }: PromotionOptions,
): PromotionController {
  const { maxConcurrentRuns, rejudgeEveryMs, execution, jobTemplate } = settings;
  const options = { maxConcurrentRuns, rejudgeEveryMs };
  if (execution !== 'Job' || !jobTemplate) return createPromotionController(ports, options);
  const executions = checkedForJobs(ports.executions, cluster, jobTemplate.serviceAccountName);
  return createPromotionController(
    { ...ports, jobs: createJobStore(cluster), executions },
    { ...options, job: { ...jobTemplate, installation } },
  );
}

/** Names of the policies that a promotion demands; none where it cannot be read. */
function policiesOf(promotion: PromotionObject): readonly string[] {
  const read = parsePromotion(promotion);
  return read.ok ? (read.value.spec.promote?.policies ?? []) : [];
}
