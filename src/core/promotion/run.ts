import pLimit from 'p-limit';
import { Fault, type Clock, type ReasonCode } from '../model/index.ts';
import type { PlannedImage, Resolved } from './plan.ts';
import { NOTHING_MOVED, type ImageResult } from './result.ts';
import type { Progress } from './progress.ts';
import { walk, type Step, type StepName, type Walk } from './steps/step.ts';

/** How often one image is tried that breaks on something that may pass by itself: the first time, and twice more. */
const MAX_ATTEMPTS = 3;
/** Milliseconds before the second try, and four times as long before the third: what a restart of a registry takes. */
const FIRST_PAUSE_MS = 1_000;

/** Everything that executes a plan. */
export interface RunParts<Task, Learned> {
  /** The steps on an image's way, or those behind it that are still open when it has arrived already. */
  readonly steps: (planned: Resolved) => readonly Step<Task, Learned>[];
  readonly taskOf: (planned: Resolved) => Task;
  readonly learned: Learned;
  /** What the steps of an image found out, as far as it got. */
  readonly summary: (learned: Learned, planned: Resolved) => Partial<ImageResult>;
  readonly arrivedAs: 'Mirrored' | 'Promoted';
  /** Most images under way at the same time. */
  readonly parallel: number;
  /** Milliseconds for which the registries want to be left alone before another image is begun. */
  readonly restMs: () => number;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Receives what is a bug; the image then has failed, and no other. */
  readonly report: (error: unknown) => void;
}

/**
 * Executes a plan: images in parallel, each through its steps. Whatever happens to one stops no other; a run that is
 * aborted ends with what was true by then. The answer has one row per planned image, in order.
 */
export async function runPlan<Task, Learned extends object>(
  planned: readonly PlannedImage[],
  parts: RunParts<Task, Learned>,
  signal: AbortSignal,
): Promise<readonly ImageResult[]> {
  const limit = pLimit(parts.parallel);
  return Promise.all(
    planned.map((image) =>
      limit(async () => {
        const result = await runImage(image, parts, signal);
        parts.progress.onResult(result);
        return result;
      }),
    ),
  );
}

async function runImage<Task, Learned extends object>(
  planned: PlannedImage,
  parts: RunParts<Task, Learned>,
  signal: AbortSignal,
): Promise<ImageResult> {
  const settled = settledBy(planned);
  if (settled || planned.action === 'Fail')
    return { ...rowOf(planned), ...NOTHING_MOVED, ...(settled ?? { decision: 'Failed' }) };
  const steps = parts.steps(planned);
  const startedAt = parts.clock();
  const ended = await tryImage(planned, steps, parts, signal).catch((error: unknown) => {
    parts.report(error);
    return broken('InternalError', 'it failed, this is a bug');
  });
  return {
    ...rowOf(planned),
    ...NOTHING_MOVED,
    ...ended,
    ...(planned.action === 'Move' && planned.overwrites !== undefined && { overwrote: planned.overwrites }),
    ...(planned.action === 'Move' && planned.backup !== undefined && { backup: planned.backup }),
    startedAt,
    finishedAt: parts.clock(),
  };
}

type Ended = Pick<ImageResult, 'decision'> & Partial<ImageResult>;

function settledBy(planned: PlannedImage): Ended | undefined {
  switch (planned.action) {
    case 'Skip':
      return { decision: 'Skipped', reason: planned.reason, message: planned.message };
    case 'Block':
      return { decision: 'Blocked', reason: planned.reason, message: planned.message };
    case 'UpToDate':
      return planned.tidy ? undefined : { decision: 'UpToDate' };
    case 'Fail':
      return { ...broken(planned.reason, planned.message), transient: planned.transient };
    case 'Move':
      return undefined;
  }
}

function rowOf({
  tag,
  digest,
  expected,
}: PlannedImage): Pick<ImageResult, 'tag' | 'digest' | 'targetDigest'> {
  return {
    tag,
    ...(digest !== undefined && { digest }),
    ...(expected !== undefined && expected !== digest && { targetDigest: expected }),
  };
}

async function tryImage<Task, Learned extends object>(
  planned: Resolved,
  steps: readonly Step<Task, Learned>[],
  parts: RunParts<Task, Learned>,
  signal: AbortSignal,
): Promise<Ended> {
  const task = parts.taskOf(planned);
  const onStep = (name: StepName): void => {
    parts.progress.onStep(planned.tag, name);
  };
  let { learned } = parts;
  let from: StepName | undefined;
  for (let attempt = 1; ; attempt += 1) {
    await rest(parts.restMs(), parts, signal);
    if (signal.aborted) return { ...broken(...endOf(signal)), ...parts.summary(learned, planned) };
    const end = await walk(steps, { task, learned, onStep, ...(from !== undefined && { from }) }, signal);
    const final = end.ended !== 'broken' || !end.fault.transient || attempt === MAX_ATTEMPTS;
    if (final || isOver(signal))
      return { ...endedAs(end, planned, parts, signal), ...parts.summary(end.learned, planned) };
    ({ learned, at: from } = end);
    await rest(FIRST_PAUSE_MS * 4 ** (attempt - 1), parts, signal);
  }
}

/** Asked anew after every wait. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Waits, or less when the run ends meanwhile. */
async function rest(
  ms: number,
  { pause }: Pick<RunParts<never, never>, 'pause'>,
  signal: AbortSignal,
): Promise<void> {
  if (ms > 0 && !signal.aborted) await pause(ms, signal).catch(() => undefined);
}

function endedAs<Task, Learned>(
  end: Walk<Learned>,
  planned: PlannedImage,
  { arrivedAs }: Pick<RunParts<Task, Learned>, 'arrivedAs'>,
  signal: AbortSignal,
): Ended {
  switch (end.ended) {
    case 'arrived':
      return { decision: planned.action === 'UpToDate' ? 'UpToDate' : arrivedAs };
    case 'waiting':
      return { decision: 'AwaitingApproval', reason: end.reason.code, message: end.reason.detail };
    case 'blocked':
      return { decision: 'Blocked', reason: end.reason.code, message: end.reason.detail };
    case 'failed':
      return { ...broken(end.reason.code, `${end.at}: ${end.reason.detail}`), transient: true };
    case 'broken': {
      if (signal.aborted) return broken(...endOf(signal));
      const { code, message, transient } = end.fault;
      return { ...broken(code, `${end.at}: ${message}`), transient };
    }
  }
}

function broken(reason: ReasonCode, message: string): Ended {
  return { decision: 'Failed', reason, message };
}

/** Why a run was ended from outside: the Fault it was aborted with, else that its time was over. */
function endOf({ reason }: AbortSignal): readonly [ReasonCode, string] {
  return reason instanceof Fault
    ? [reason.code, reason.detail]
    : ['DeadlineExceeded', 'the time of the run is over'];
}
