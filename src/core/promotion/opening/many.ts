import pLimit from 'p-limit';
import { failed, parsed, type Parsed } from '../../model/index.ts';
import { orFault } from '../concurrency.ts';
import type { Execution } from '../execute.ts';
import { reportPolicy } from '../gates/signed-reports.ts';
import { rowName, type Discovery, type PlannedImage } from '../plan.ts';
import { plannedResult, type ImageResult } from '../result.ts';
import type { ImagePromotionSpec } from '../schema.ts';
import { compileRoutes, type Route, type Routes } from '../selection/repositories.ts';
import type { Progress } from '../steps/step.ts';
import type { OpeningContext } from './context.ts';
import { expandRoutes } from './expand.ts';
import { openOne, openSigner, policiesOf, type PromotionToOpen } from './open-execution.ts';
import { readOwner } from './secrets.ts';
import { failedRow, failureIn, failureOf, sharedBy, type RepositoryFailure, type Shared } from './share.ts';

/** Repositories that are planned at the same time, each with its own requests; the budget of each registry is shared by all. */
const PLANNED_AT_ONCE = 4;

/**
 * Opens a promotion that takes from many repositories: one execution for each of them, opened when it is needed, as if it were a
 * promotion of its own with the same gates. What fails about one of them is a row, and the others go on. Problems are of what they
 * share: Secrets, keys, policies.
 */
export async function openMany(
  promotion: PromotionToOpen,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<Execution>> {
  const { spec } = promotion;
  const routes = compileRoutes(spec);
  if (!routes.ok) return routes;
  const shared = sharedBy(promotion, context);
  const objection =
    (await objectionToShared(shared, signal)) ?? (await objectionToLogins(routes.value, shared, signal));
  if (objection) {
    await shared.close();
    return objection;
  }
  const executions = createExecutions(routes.value, shared);
  return parsed({
    plan: (until, onRest, how) => planAll({ routes: routes.value, shared, executions, how }, until, onRest),
    run: async (planned, order, until) => {
      const results = new Map<PlannedImage, ImageResult>();
      const settle = (row: PlannedImage, result: ImageResult): void => {
        results.set(row, result);
        order.progress.onResult(result);
      };
      const limit = pLimit(spec.maxParallelImages);
      const rows = Map.groupBy(planned, ({ repository = '' }) => repository);
      // A repository without any work may have something left that an earlier run was to delete.
      const tidied = spec.promote?.deleteSource && !order.dryRun ? executions.planned() : [];
      const runRepository = async (from: string): Promise<void> => {
        const all = rows.get(from) ?? [];
        for (const row of all) if (row.tag === '') settle(row, plannedResult(row));
        const images = all.filter(({ tag }) => tag !== '');
        if (images.length === 0 && !tidied.includes(from)) return;
        const opened = await executions.open(from, until);
        if ('failed' in opened) {
          for (const row of images) settle(row, { ...plannedResult(row), ...failedAs(opened.failed) });
          return;
        }
        const progress = progressOf(from, order.progress);
        const done = await opened.execution.run(images, { ...order, progress }, until);
        images.forEach((row, index) => {
          const result = done[index];
          if (result) results.set(row, result);
        });
      };
      const all = new Set([...rows.keys(), ...tidied]);
      await Promise.all([...all].map((from) => limit(() => runRepository(from))));
      return planned.map((row) => results.get(row) ?? plannedResult(row));
    },
    close: async () => {
      await executions.close();
      await shared.close();
    },
  });
}

type Opened = { readonly execution: Execution } | { readonly failed: RepositoryFailure };

function failedAs({ code: reason, detail: message, transient }: RepositoryFailure) {
  return { decision: 'Failed', reason, message, transient } as const;
}

/** The promotion of one repository. */
export function specOf(spec: ImagePromotionSpec, { from, to, tags }: Route): ImagePromotionSpec {
  const source = { ...spec.source, repository: from, repositories: undefined };
  return { ...spec, source, target: { ...spec.target, repository: to }, tags };
}

/** The executions of repositories, each opened once. */
function createExecutions({ routeOf }: Routes, { promotion, context }: Shared<PromotionToOpen>) {
  const limit = pLimit(promotion.spec.maxParallelImages);
  const opened = new Map<string, Promise<Opened>>();
  const openRepository = async (from: string, signal: AbortSignal): Promise<Opened> => {
    const route = routeOf(from);
    if (!route)
      return { failed: { code: 'InvalidPromotion', detail: `${from} is in no entry`, transient: false } };
    const one = { ...promotion, spec: specOf(promotion.spec, route), limit };
    const open = async (): Promise<Opened> => {
      const execution = await openOne(one, context, signal);
      return execution.ok ? { execution: execution.value } : { failed: failureIn(execution.problems) };
    };
    return orFault(open(), (fault) => ({ failed: failureOf(fault) }), signal);
  };
  return {
    open: (from: string, signal: AbortSignal): Promise<Opened> => {
      const one = opened.get(from) ?? openRepository(from, signal);
      opened.set(from, one);
      return one;
    },
    planned: (): readonly string[] => [...opened.keys()],
    close: async (): Promise<void> => {
      const all = await Promise.allSettled(opened.values());
      const executions = all.flatMap((one) =>
        one.status === 'fulfilled' && 'execution' in one.value ? [one.value.execution] : [],
      );
      await Promise.all(executions.map((execution) => execution.close()));
    },
  };
}

interface Planning {
  readonly how: Parameters<Execution['plan']>[2];
  readonly routes: Routes;
  readonly shared: Shared<PromotionToOpen>;
  readonly executions: ReturnType<typeof createExecutions>;
}

/** Plans all repositories: those that are named, and those that the globs cover at this moment. */
async function planAll(
  { routes, shared, executions, how }: Planning,
  signal: AbortSignal,
  onRest: Progress['onRest'],
): Promise<Discovery> {
  const { routes: found, failed: rows } = await expandRoutes(routes, shared, signal);
  const limit = pLimit(PLANNED_AT_ONCE);
  const plan = async ({ from }: Route): Promise<Discovery | RepositoryFailure> => {
    const opened = await executions.open(from, signal);
    if ('failed' in opened) return opened.failed;
    return orFault(opened.execution.plan(signal, onRest, how), failureOf, signal);
  };
  const plans = await Promise.all(found.map((route) => limit(() => plan(route))));
  const images: PlannedImage[] = [...rows];
  const planned = found.flatMap(({ from, to }, index) => {
    const one = plans[index];
    if (!one) return [];
    if (!('state' in one)) images.push(failedRow(from, one));
    else if (one.state === 'refused') images.push(failedRow(from, { ...one.reason, transient: false }));
    else images.push(...one.images.map((image) => ({ ...image, repository: from })));
    const nothing = 'state' in one && one.state === 'planned' ? one.nothing : undefined;
    return [{ from, to, ...(nothing !== undefined && { nothing }) }];
  });
  const leftOut = found.flatMap(({ from }, index) => {
    const one = plans[index];
    const left = one && 'state' in one && one.state === 'planned' ? (one.leftOut ?? []) : [];
    return left.map((tag) => ({ ...tag, repository: from }));
  });
  const nothing = images.length === 0 ? nothingIn(found) : undefined;
  const rests = plans.flatMap((one) => ('state' in one && one.state === 'planned' ? (one.rest ?? []) : []));
  const [rest] = rests.toSorted((a, b) => b.ms - a.ms);
  return {
    state: 'planned',
    images,
    ...(nothing !== undefined && { nothing }),
    ...(rest && { rest }),
    leftOut,
    repositories: planned,
  };
}

function nothingIn(found: readonly Route[]): string {
  if (found.length === 0) return 'source.repositories covers no repository that is there';
  const [first] = found;
  return `no tag of ${String(found.length)} repositories is selected, the first of them ${first?.from ?? ''}`;
}

/** What keeps all repositories from being promoted: an object that is missing, a key or a policy that cannot be used. */
async function objectionToShared(
  { promotion, context }: Shared,
  signal: AbortSignal,
): Promise<Parsed<never> | undefined> {
  const owner = await readOwner(promotion, signal);
  if (!owner.ok) return owner;
  const { spec } = promotion;
  const all = [
    await policiesOf(spec, context, signal),
    await openSigner(spec, owner.value, context),
    reportPolicy(spec, { material: owner.value.material, roots: context.roots }),
  ];
  const wrong = failed(all);
  return wrong.problems.length > 0 ? wrong : undefined;
}

/** Where every login that is used has to be granted, the first repository by name of which one is not. */
async function objectionToLogins(
  { named }: Routes,
  { promotion, context }: Shared<PromotionToOpen>,
  signal: AbortSignal,
): Promise<Parsed<never> | undefined> {
  if (!context.granting?.alsoReading) return undefined;
  for (const route of named) {
    const opened = await openOne({ ...promotion, spec: specOf(promotion.spec, route) }, context, signal);
    if (!opened.ok) return opened;
    await opened.value.close();
  }
  return undefined;
}

/** Progress of one repository: its images by their names in the run. */
function progressOf(
  repository: string,
  { onStep, onExpected, onBytes, onResult, onRest }: Progress,
): Progress {
  const nameIn = (tag: string): string => rowName({ repository, tag });
  return {
    onStep: (tag, step) => {
      onStep(nameIn(tag), step);
    },
    onExpected: (tag, bytes) => {
      onExpected(nameIn(tag), bytes);
    },
    onBytes: (tag, bytes) => {
      onBytes(nameIn(tag), bytes);
    },
    onResult,
    ...(onRest && { onRest }),
  };
}
