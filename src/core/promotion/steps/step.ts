import { Fault, type Digest, type Reason } from '../../model/index.ts';

/** The result of a step. A thrown `Fault` is a fourth outcome: the answer is unknown, or the action failed. */
export type StepOutcome<Learned> =
  | {
      /** `skipped` = it was true already. */
      readonly status: 'succeeded' | 'skipped';
      /** What later steps need of it. */
      readonly learned?: Partial<Learned>;
    }
  | {
      /** `failed` = it was done, and the result is not the expected one. */
      readonly status: 'waiting' | 'blocked' | 'failed';
      readonly reason: Reason;
      readonly learned?: Partial<Learned>;
    };

/** One step on the way of one image; it first asks whether it is already true. */
export interface Step<Task, Learned> {
  readonly name: StepName;
  readonly run: (task: Task, learned: Learned, signal: AbortSignal) => Promise<StepOutcome<Learned>>;
}

/** The steps there are, in words that progress and messages use. */
export type StepName =
  | 'verify source'
  | 'scan'
  | 'approve'
  | 'copy'
  | 'flag'
  | 'attach'
  | 'sign'
  | 'record'
  | 'verify target'
  | 'tag'
  | 'remember'
  | 'supersede'
  | 'delete source';

/** Where the walk of an image through its steps ended. */
export type Walk<Learned> =
  | { readonly ended: 'arrived'; readonly learned: Learned }
  | {
      readonly ended: 'waiting' | 'blocked' | 'failed';
      readonly at: StepName;
      readonly reason: Reason;
      readonly learned: Learned;
    }
  | { readonly ended: 'broken'; readonly at: StepName; readonly fault: Fault; readonly learned: Learned };

/** What a walk starts with; `from` = the step to begin at, when those before it are done. */
export interface WalkGiven<Task, Learned> {
  readonly task: Task;
  readonly learned: Learned;
  readonly from?: StepName;
  readonly onStep: (name: StepName) => void;
}

/** Walks one image through its steps in order, until one blocks, waits or breaks. Throws only what is a bug. */
export async function walk<Task, Learned extends object>(
  steps: readonly Step<Task, Learned>[],
  { task, learned: known, from, onStep }: WalkGiven<Task, Learned>,
  signal: AbortSignal,
): Promise<Walk<Learned>> {
  let learned = known;
  const begin = Math.max(
    0,
    steps.findIndex(({ name }) => name === from),
  );
  for (const { name: at, run } of steps.slice(begin)) {
    onStep(at);
    try {
      const outcome = await run(task, learned, signal);
      learned = { ...learned, ...outcome.learned };
      if ('reason' in outcome) return { ended: outcome.status, at, reason: outcome.reason, learned };
    } catch (error) {
      if (error instanceof Fault) return { ended: 'broken', at, fault: error, learned };
      throw error;
    }
  }
  return { ended: 'arrived', learned };
}

/** A refusal as a step gives it. */
export function blocked(code: Reason['code'], detail: string): StepOutcome<never> {
  return { status: 'blocked', reason: { code, detail } };
}

/** The hex digits of a digest as messages show it. */
export function short(digest: Digest): string {
  return `${digest.slice(0, 19)}…`;
}
