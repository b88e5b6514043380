import type { LimitFunction } from 'p-limit';
import { definedFields, Fault, type Clock, type Reason } from '../model/index.ts';
import type { CopyProgress } from './copy/copy.ts';
import type { PlannedImage, Resolved } from './plan.ts';
import { plannedResult, type ImageResult } from './result.ts';
import { MAX_ATTEMPTS, restBefore, waitAfter, type Rest, type Waiting } from './retry.ts';
import { walk } from './steps/step.ts';
import type { ImageTask, Learned, Progress, Step, StepName, Walk } from './steps/step.ts';

/** Everything that executes a plan. */
export interface RunParts extends Omit<Waiting, 'onRest'> {
  /** The steps on an image's way, or those behind it that are still open when it has arrived already. */
  readonly steps: (planned: Resolved) => readonly Step[];
  readonly taskOf: (planned: Resolved) => ImageTask;
  /** Requests made to the two registries for an image so far; absent where they are not counted. */
  readonly requests?: (tag: string) => number | undefined;
  readonly arrivedAs: 'Mirrored' | 'Promoted';
  /** Lets only so many images be under way at the same time. */
  readonly limit: LimitFunction;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Receives what is a bug; the image then has failed, and no other. */
  readonly report: (error: unknown) => void;
}

/**
 * Executes a plan: images in parallel, each through its steps. Whatever happens to one stops no other; a run that is
 * aborted ends with what was true by then. The answer has one row per planned image, in order.
 */
export async function runPlan(
  planned: readonly PlannedImage[],
  parts: RunParts,
  signal: AbortSignal,
): Promise<readonly ImageResult[]> {
  return Promise.all(
    planned.map((image) =>
      parts.limit(async () => {
        const isOpen = image.action === 'Move' || (image.action === 'UpToDate' && image.tidy);
        const result = isOpen ? await runImage(image, parts, signal) : plannedResult(image);
        parts.progress.onResult(result);
        return result;
      }),
    ),
  );
}

async function runImage(planned: Resolved, parts: RunParts, signal: AbortSignal): Promise<ImageResult> {
  const startedAt = parts.clock();
  const ended = await tryImage(planned, parts, signal).catch((error: unknown) => {
    parts.report(error);
    return broken({ code: 'InternalError', detail: 'it failed, this is a bug' });
  });
  const { overwrites: overwrote, backup } = planned.action === 'Move' ? planned : {};
  const requests = parts.requests?.(planned.tag);
  const about = { requests, overwrote, backup, startedAt, finishedAt: parts.clock() };
  return { ...plannedResult(planned), ...definedFields({ ...ended, ...about }) };
}

type Ended = Pick<ImageResult, 'decision'> & Partial<ImageResult>;

async function tryImage(planned: Resolved, parts: RunParts, signal: AbortSignal): Promise<Ended> {
  const steps = parts.steps(planned);
  const task = parts.taskOf(planned);
  const onStep = (name: StepName): void => {
    parts.progress.onStep(planned.tag, name);
  };
  let learned: Learned = {};
  let from: StepName | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const rest = await restBefore({ ...parts, onRest: parts.progress.onRest }, signal);
    if (signal.aborted) return { ...endInRest(rest, signal), ...summaryOf(learned) };
    const end = await walk(steps, { task, learned, from }, onStep, signal);
    const final = end.ended !== 'broken' || !end.fault.transient || attempt === MAX_ATTEMPTS;
    if (final || isOver(signal)) {
      const decision = planned.action === 'UpToDate' ? 'UpToDate' : parts.arrivedAs;
      const ended: Ended = end.ended === 'arrived' ? { decision } : stoppedAt(end, signal);
      return { ...ended, ...summaryOf(end.learned) };
    }
    from = end.at;
    // What failed may have been done all the same, as a push whose answer was lost.
    learned = { ...end.learned, tagSeen: undefined };
    await waitAfter(attempt, parts, signal);
  }
}

/** Asked anew after every wait. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

function stoppedAt(end: Exclude<Walk, { readonly ended: 'arrived' }>, signal: AbortSignal): Ended {
  if (end.ended === 'broken') {
    const { code, message, transient } = end.fault;
    const detail = `${end.at}: ${message}`;
    return signal.aborted ? broken(endOf(signal)) : broken({ code, detail }, transient);
  }
  const { code: reason, detail: message } = end.reason;
  if (end.ended === 'failed') return broken({ code: reason, detail: `${end.at}: ${message}` }, true);
  return { decision: end.ended === 'waiting' ? 'AwaitingApproval' : 'Blocked', reason, message };
}

function broken({ code: reason, detail: message }: Reason, transient?: boolean): Ended {
  return { decision: 'Failed', reason, message, transient };
}

/** The end of an image whose run has ended while it waited: it is not the time that was too short where a registry limits it. */
function endInRest({ side, ms }: Rest, signal: AbortSignal): Ended {
  const reason = endOf(signal);
  if (ms === 0 || reason.code !== 'DeadlineExceeded') return broken(reason);
  const detail = `the ${side} asked to be left alone, and ${reason.detail}`;
  return broken({ code: 'RegistryRateLimited', detail }, true);
}

/** Why a run was ended from outside: the Fault it was aborted with, else that its time was over. */
function endOf({ reason }: AbortSignal): Reason {
  return reason instanceof Fault
    ? reason
    : { code: 'DeadlineExceeded', detail: 'the time of the run is over' };
}

/** What the steps of an image have learned, in short. */
function summaryOf({ moved, gate, ...learned }: Learned): Partial<ImageResult> {
  return definedFields({
    ...(moved && copied(moved)),
    attachments: learned.counts,
    severities: gate?.counts,
    worst: gate?.worst,
    blocking: gate && gate.blocking.length > 0 ? gate.blocking : undefined,
    exceptionsUntil: gate?.exceptionsUntil,
    gateHash: learned.gateHash,
    approvedBy: learned.approval?.approver,
    reportDigest: learned.report?.digest,
    message: remarkOf(learned),
  });
}

/** What the result of an image says besides its decision. */
function remarkOf({ sourceLeft, flagRestored, left = [] }: Learned): string | undefined {
  const remarks = [
    ...left,
    ...(sourceLeft === undefined ? [] : [`the source was not deleted: ${sourceLeft}`]),
    ...(flagRestored ? ['its quarantine flag was gone and was attached again'] : []),
  ];
  return remarks.length > 0 ? remarks.join('; ') : undefined;
}

function copied({ bytes, spared, blobs }: CopyProgress): Pick<ImageResult, 'bytes' | 'spared' | 'blobs'> {
  return {
    bytes,
    spared: { mounted: spared.mounted, skipped: spared.present + spared.shared },
    blobs: { mounted: blobs.mounted, copied: blobs.copied, skipped: blobs.present + blobs.shared },
  };
}
