import { logReadFailure } from './process-context.ts';
import { textOf, objectOf, type Gauge } from '../core/model/index.ts';
import { createWorkQueue, type RecordedEvent } from '../clients/kubernetes/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import { parsePromotion } from '../core/promotion/index.ts';
import {
  createPromotionController,
  type ControllerPorts,
  type ObjectName,
  type PromotionController,
  type PromotionObject,
} from '../controllers/promotions/index.ts';
import type { LeaderOptions } from './parts.ts';
import { checkedForJobs } from '../controllers/promotions/index.ts';
import { openPromotionCaches, type PromotionCaches } from './promotion-caches.ts';
import { createExecutions, rejudgeOver } from './promotion-opening.ts';
import { createJobStore, createRunStore, promotionWrites } from '../controllers/promotions/index.ts';
import { TIME } from './time.ts';

/** Keeps promotions going while this replica leads. */
export interface PromotionTasks {
  /** One term; ends with the signal, when what was under way has stopped. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Policies were swapped: promotions that name them may be able to go on. */
  readonly onPolicies: (names: readonly string[]) => void;
  readonly gauges: readonly Gauge[];
}

/** Where events go. */
export interface PromotionReporting {
  readonly recordEvent: (event: RecordedEvent) => void;
}

/** Joins the controller of promotions to the cluster. Only the leader reads promotions, their runs and approvals. */
export function keepPromotions(options: LeaderOptions, telling: PromotionReporting): PromotionTasks {
  const { cluster, replica, telemetry, log } = options;
  const flagged = new Map<string, number>();
  let term: { readonly caches: PromotionCaches; readonly controller: PromotionController } | undefined;

  const begin = () => {
    const caches = openPromotionCaches({
      cluster,
      onPromotion: (name) => controller.onPromotion(name),
      onRun: (run, promotion) => controller.onRun(run, promotion),
      onApproval: (run) => controller.onApproval(run),
      onError: logReadFailure(log),
    });
    const ports: ControllerPorts = {
      ...TIME,
      ...promotionWrites(cluster),
      ...lookups(caches),
      identity: options.identity,
      runs: createRunStore(cluster),
      executions: createExecutions(cluster, aroundOf(options)),
      rejudge: rejudgeOver(cluster, aroundOf(options)),
      makeQueue: createWorkQueue,
      recordEvent: telling.recordEvent,
      meter: {
        images: telemetry.onPromotedImages,
        bytes: telemetry.onPromotedBytes,
        flagged: (promotion, count) => {
          if (count > 0) flagged.set(promotion, count);
          else flagged.delete(promotion);
        },
      },
      random: Math.random,
      onError: (trouble) => {
        log.warn(trouble, 'promoting could not do something, it is tried again');
      },
      report: telemetry.report,
    };
    const controller = createController(ports, options);
    return { caches, controller };
  };

  return {
    run: async (signal) => {
      const { caches, controller } = begin();
      const close = (): void => void caches.close();
      signal.addEventListener('abort', close, { once: true });
      // What policies there are must be known before a promotion is told that one is missing.
      await Promise.all([caches.synced, replica.caches.synced]).catch(() => undefined);
      term = { caches, controller };
      if (!signal.aborted) await controller.run(signal);
      term = undefined;
      // Whoever leads next tells of them.
      flagged.clear();
      await caches.close();
    },
    onPolicies: (names) => {
      if (!term) return;
      const changed = new Set(names);
      for (const promotion of term.caches.promotions.values())
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
    ],
  };
}

/** Runs are carried out here or, by the settings, each by a Job. */
function createController(
  ports: ControllerPorts,
  { settings: { promotions }, cluster, namespace }: LeaderOptions,
): PromotionController {
  const { maxConcurrentRuns, rejudgeEveryMs, execution, jobTemplate } = promotions;
  const options = { maxConcurrentRuns, rejudgeEveryMs };
  if (execution !== 'Job' || !jobTemplate) return createPromotionController(ports, options);
  const { serviceAccountName } = jobTemplate;
  return createPromotionController(
    {
      ...ports,
      jobs: createJobStore(cluster),
      executions: checkedForJobs(ports.executions, cluster, serviceAccountName),
    },
    { ...options, job: { ...jobTemplate, installation: namespace } },
  );
}

/** What is there, out of the caches. */
function lookups({
  promotions,
  runs,
  approvals,
}: PromotionCaches): Pick<ControllerPorts, 'promotions' | 'promotion' | 'runsOf' | 'approvals'> {
  const isOf = (run: ObjectName, namespace: string, spec: unknown): boolean =>
    run.namespace === namespace && textOf(objectOf(spec).runName) === run.name;
  return {
    promotions: () => promotions.values(),
    promotion: ({ namespace, name }) => promotions.get(name, namespace),
    runsOf: ({ metadata: { namespace, uid } }) =>
      [...runs.values()].filter(
        ({ metadata, spec }) =>
          metadata.namespace === namespace && textOf(objectOf(objectOf(spec).promotion).uid) === uid,
      ),
    approvals: (run) =>
      [...approvals.values()].filter(({ metadata, spec }) => isOf(run, metadata.namespace, spec)),
  };
}

function aroundOf({
  settings,
  context: context,
  judging,
  replica,
  telemetry,
}: LeaderOptions): Parameters<typeof createExecutions>[1] {
  return {
    settings,
    context: context,
    judging,
    registryOptions: judging.registryOptions,
    policies: () => Promise.resolve(replica.held.current()),
    roots: { read: readTrustRoot, publicGood: replica.publicRoot.current },
    report: telemetry.report,
  };
}

/** Names of the policies that a promotion demands; none where it cannot be read. */
function policiesOf(promotion: PromotionObject): readonly string[] {
  const read = parsePromotion(promotion);
  return read.ok ? (read.value.spec.promote?.policies ?? []) : [];
}
