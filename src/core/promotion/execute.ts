import pLimit, { type LimitFunction } from 'p-limit';
import { definedFields, type Clock, type Digest, type ImageRef } from '../model/index.ts';
import type { Approval } from './approval.ts';
import { orFault } from './concurrency.ts';
import { discover } from './discover.ts';
import type { ListTags } from './graph/walk.ts';
import { mirrorSteps } from './mirror.ts';
import { tagAtTarget, type Discovery, type PlannedImage, type Resolved } from './plan.ts';
import { promoteSteps } from './promote.ts';
import type { SeenBook } from './records/first-seen.ts';
import { plannedResult, type ImageResult } from './result.ts';
import { createPatience, type Waiting } from './retry.ts';
import { runPlan } from './run.ts';
import { deleteLeftovers } from './steps/leftovers.ts';
import type { Progress, Step, StepParts } from './steps/step.ts';

/** How a plan is executed. */
export interface RunOrder {
  readonly progress: Progress;
  /** Report what would happen, and write to no registry. */
  readonly dryRun: boolean;
  /** The plan was begun before, by a process that may have crashed: an image that has arrived is not brought again. */
  readonly resumed?: boolean;
  /** What people have decided so far; asked whenever a gate stops an image. */
  readonly approvals: () => readonly Approval[];
}

/** One promotion with its registries, logins, signer and scanner opened: it can be planned and run until it is closed. */
export interface Execution {
  /** Resolves every selected tag once. Throws a `Fault` when a registry cannot be asked. `onRest` as of a run's progress. */
  readonly plan: (
    signal: AbortSignal,
    onRest?: Progress['onRest'],
    /** `records` = digests that are seen for the first time are written down at the target; else nothing is written anywhere. */
    how?: { readonly records: boolean },
  ) => Promise<Discovery>;
  /**
   * Executes a plan: one row per image, in order. Begun again with the same plan it continues from the state of the registries;
   * an abort with a `Fault` as its reason is reported by that code.
   */
  readonly run: (
    planned: readonly PlannedImage[],
    order: RunOrder,
    signal: AbortSignal,
  ) => Promise<readonly ImageResult[]>;
  readonly close: () => Promise<void>;
}

/** A promotion with everything opened that it needs. */
export interface ExecutionParts extends Omit<StepParts, 'progress' | 'approvals'> {
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Since when digests are known; absent where `minAge` does not ask for it. */
  readonly seen?: SeenBook | undefined;
  /** Begins an image when fewer are under way than may be, also those of other executions; absent = as `maxParallelImages` has it. */
  readonly limit?: LimitFunction | undefined;
  /** The same registries, reporting each request made through them; absent = requests are not counted. */
  readonly watched?: (onRequest: () => void) => Pick<StepParts, 'source' | 'target'>;
  /** Receives what is a bug. */
  readonly report: (error: unknown) => void;
  readonly close: () => Promise<void>;
}

/** Joins selection, plan and steps to something that can be planned and run. */
export function createExecution(parts: ExecutionParts): Execution {
  const { spec, source, from, to, pause, clock, report, watched, close } = parts;
  // What is deleted must not have got a signature behind a list that was read before.
  const sourceTags = spec.promote?.deleteSource ? undefined : listedOnce(source, from, clock);
  return {
    plan: async (signal, onRest, how) => {
      const restOf = restOver(parts, signal);
      const waiting = { pause, restOf, onRest, patience: createPatience() };
      const found = await discover({ ...parts, sourceTags, ...waiting, ...how }, signal);
      const rest = await restOf();
      return found.state === 'planned' && rest.ms > 0 ? { ...found, rest } : found;
    },
    run: async (planned, { progress, dryRun, approvals, resumed = false }, signal) => {
      if (dryRun) return planned.map(plannedResult);
      // In the time of the run: one image that ends must not end the list of the others.
      const listTags = sourceTags && (() => sourceTags(signal));
      const tagsOf = tagsIn(planned);
      const requests = new Map<string, number>();
      const counter = (tag: string) => () => void requests.set(tag, (requests.get(tag) ?? 0) + 1);
      const arrivedAs = spec.mirror ? 'Mirrored' : 'Promoted';
      const arrived = resumed ? await arrivedOf(planned, parts, signal) : new Set<string>();
      const isNew = resumed ? () => Promise.resolve(false) : newness(planned, parts);
      const named = (one: ImageResult): ImageResult =>
        arrived.has(one.tag) && one.decision === 'UpToDate' ? { ...one, decision: arrivedAs } : one;
      const reporting: Progress = {
        ...progress,
        onResult: (result) => {
          progress.onResult(named(result));
        },
      };
      const results = await runPlan(
        planned.map((one) => (arrived.has(one.tag) ? asArrived(one) : one)),
        {
          ...{ arrivedAs, pause, clock, progress: reporting, report },
          steps: (one) =>
            stepsFor(one, {
              ...{ ...parts, progress, approvals, sourceTags: listTags, tagsOf },
              ...watched?.(counter(one.tag)),
            }),
          taskOf: (one) => ({
            planned: one,
            image: { ...from, tag: one.tag, digest: one.digest },
            to: { ...to, tag: tagAtTarget(one) },
            targetIsNew: (until) => isNew(one, until),
          }),
          requests: (tag) => requests.get(tag),
          limit: parts.limit ?? pLimit(spec.maxParallelImages),
          restOf: restOver(parts, signal),
        },
        signal,
      );
      const known = new Set(planned.flatMap(({ digest }) => digest ?? []));
      if (spec.promote?.deleteSource) await deleteLeftovers(parts, { known, report }, signal);
      return results.map(named);
    },
    close,
  };
}

/** The registry that wants to be left alone for longer. */
function restOver(
  { source, target, from, to }: Pick<StepParts, 'source' | 'target' | 'from' | 'to'>,
  signal: AbortSignal,
): Waiting['restOf'] {
  return async () => {
    const [there, here] = await Promise.all([source.restMs(from, signal), target.restMs(to, signal)]);
    return there >= here ? { side: 'source', ms: there } : { side: 'target', ms: here };
  };
}

/** How long a list of tags is used, in milliseconds: a signature that is written meanwhile is carried by a run that takes long. */
const LIST_MS = 600_000;

/** Lists the tags of a repository once in ten minutes, also for callers at the same time; a list that failed is read again. */
function listedOnce(source: StepParts['source'], from: ImageRef, clock: Clock): ListTags {
  let listed: { readonly tags: ReturnType<ListTags>; readonly at: number } | undefined;
  return (signal) => {
    const at = clock().getTime();
    if (listed && at - listed.at < LIST_MS) return listed.tags;
    const known = { tags: source.tags(from, signal), at };
    listed = known;
    known.tags.catch(() => {
      if (listed === known) listed = undefined;
    });
    return known.tags;
  };
}

/** The tags of a plan by their digest: those that go, or have come through the promotion before. */
function tagsIn(planned: readonly PlannedImage[]): NonNullable<StepParts['tagsOf']> {
  const going = planned.filter(
    ({ action, ungated }) => action === 'UpToDate' || (action === 'Move' && !ungated),
  );
  const byDigest = Map.groupBy(going, ({ digest }) => digest);
  return (digest) => (byDigest.get(digest) ?? []).map(({ tag }) => tag);
}

function asArrived(planned: PlannedImage): PlannedImage {
  if (planned.action !== 'Move') return planned;
  const { repository, tag, targetTag, digest, expected } = planned;
  const arrived = { repository, tag, targetTag, digest, expected, atTarget: expected };
  return { ...definedFields(arrived), action: 'UpToDate', tidy: true };
}

/**
 * All steps of an image that moves; of one that has arrived, those behind its tag, and before them what brings late attachments and
 * what proves its flag.
 */
function stepsFor(planned: Resolved, parts: StepParts): readonly Step[] {
  const { mirror, promote, attachments, foreignLayers } = parts.spec;
  const steps = [
    ...(mirror ? mirrorSteps(parts, mirror) : []),
    ...(promote ? promoteSteps(parts, promote) : []),
  ];
  if (planned.action !== 'UpToDate') return steps;
  const tag = steps.findIndex(({ name }) => name === 'tag');
  const late = steps.filter(({ name }) => name === 'copy' || name === 'verify target');
  const flag = steps.filter(({ name }) => name === 'flag');
  const looksAgain = attachments.late || foreignLayers === 'Copy';
  return [...(looksAgain ? late : []), ...flag, ...steps.slice(tag + 1)];
}

/** Tags checked in parallel before a run continues. */
const AT_ONCE = 16;

/**
 * Tags of images that were to move and have their tag by now: all before it is done, what comes after may not be. The tag of one
 * that was there before says nothing of that.
 */
async function arrivedOf(
  planned: readonly PlannedImage[],
  { target, to }: Pick<StepParts, 'target' | 'to'>,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const limit = pLimit(AT_ONCE);
  const moving = planned.filter(
    ({ action, atTarget, expected }) => action === 'Move' && atTarget !== expected,
  );
  const found = await Promise.all(
    moving.map((one) =>
      limit(async () => {
        const now = await target.tagDigest({ ...to, tag: tagAtTarget(one) }, signal);
        return now === one.expected ? [one.tag] : [];
      }),
    ),
  );
  return new Set(found.flat());
}

/**
 * Finds the images of a run of which the target holds nothing: all promoted ones where the repository has no tag yet, each digest
 * once. The first image that needs the answer asks for all of them. No request is made where the plan has seen a tag there. Where
 * the registry does not answer this, the target is checked image by image.
 */
function newness(
  planned: readonly PlannedImage[],
  { target, to }: Pick<StepParts, 'target' | 'to'>,
): (image: Resolved, signal: AbortSignal) => Promise<boolean> {
  const first = new Map<Digest, string>();
  for (const { action, tag, expected } of planned)
    if (action === 'Move' && !first.has(expected)) first.set(expected, tag);
  const inUse = planned.some(({ atTarget }) => atTarget !== undefined);
  let absent: Promise<boolean> | undefined;
  const isAbsent = (signal: AbortSignal): Promise<boolean> => {
    const listed = target.tags(to, signal).then((tags = []) => tags.length === 0);
    return orFault(listed, () => false, signal);
  };
  return async ({ tag, expected }, signal) => {
    if (inUse || first.get(expected) !== tag) return false;
    absent ??= isAbsent(signal);
    return absent;
  };
}
