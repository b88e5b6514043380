import type { JudgedReference } from '../../evidence/index.ts';
import { Fault } from '../../model/index.ts';
import type { Clock, Descriptor, Digest, ImageRef, PinnedRef, Reason } from '../../model/index.ts';
import type { Approval } from '../approval.ts';
import type { Copied } from '../copy/copy.ts';
import type { GateResult } from '../gates/gate.ts';
import type { Scanned } from '../gates/scan-gate.ts';
import type { Graph } from '../graph/graph.ts';
import type { ListTags } from '../graph/walk.ts';
import type { Resolved } from '../plan.ts';
import type { ReadSbomElsewhere } from '../gates/sboms.ts';
import type { SelectElsewhere } from '../selection/select.ts';
import type { ArtifactSigner, Scanner, TargetRegistry } from '../ports.ts';
import type { HistoryBook } from '../records/history.ts';
import type { RunIdentity } from '../records/statement.ts';
import type { Rest } from '../retry.ts';
import type { AttachmentCounts, ImageResult } from '../result.ts';
import type { ImagePromotionSpec } from '../schema.ts';

/**
 * The result of a step, with what later steps need of it. `skipped` = it was true already; `failed` = it was done, and the result is
 * not the expected one. A thrown `Fault` is another outcome: the answer is unknown, or the action failed.
 */
export type StepOutcome = { readonly learned?: Partial<Learned> } & (
  | { readonly status: 'succeeded' | 'skipped' }
  | { readonly status: 'waiting' | 'blocked' | 'failed'; readonly reason: Reason }
);

type Run = (task: ImageTask, learned: Learned, signal: AbortSignal) => Promise<StepOutcome>;

/** One step on the way of one image; it first asks whether it is already true. */
export interface Step {
  readonly name: StepName;
  readonly run: Run;
}

/** A step by its name. */
export const step = (name: StepName, run: Run): Step => ({ name, run });

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

/** Called for what happens while it happens; must not throw. */
export interface Progress {
  readonly onStep: (tag: string, step: StepName) => void;
  /** Bytes that an image still needs at most, as soon as that is known. */
  readonly onExpected: (tag: string, bytes: number) => void;
  /** Bytes that have arrived for an image. */
  readonly onBytes: (tag: string, bytes: number) => void;
  readonly onResult: (result: ImageResult) => void;
  /** A registry is left alone for so long before the next image, because it limits how much is asked of it. */
  readonly onRest?: (rest: Rest) => void;
}

/** One image on its way. */
export interface ImageTask {
  readonly planned: Resolved;
  /** At the source: the tag, and the digest that it had when the run began. */
  readonly image: PinnedRef;
  /** At the target: the tag alone. */
  readonly to: ImageRef;
  /** Whether the target is known to hold nothing of it, so that looking is not worth a request. */
  readonly targetIsNew: (signal: AbortSignal) => Promise<boolean>;
}

/** Everything that steps work with: one promotion, opened. */
export interface StepParts {
  readonly spec: ImagePromotionSpec;
  /** Written to only when the promotion deletes there. */
  readonly source: TargetRegistry;
  readonly target: TargetRegistry;
  /** Repositories. */
  readonly from: ImageRef;
  readonly to: ImageRef;
  readonly run: RunIdentity;
  /** What the run was asked to do, by `runScope`: approvals are bound to it. */
  readonly scope: Digest;
  /** When the run began: what it writes carries this time, so that a run that continues after a crash writes the same. */
  readonly startedAt: Date;
  /** Whether the source is read with a login. */
  readonly sourceAuthenticated: boolean;
  /** Why nothing may be deleted on a side at this moment; absent = its registry alone decides. */
  readonly refusedToDelete?: (side: 'source' | 'target', signal: AbortSignal) => Promise<Reason | undefined>;
  /** The tags of the source, read once for all images; absent = each image reads them anew. */
  readonly sourceTags?: ListTags | undefined;
  /** Tags of the run that have a digest at the source, and go or have gone to the target. */
  readonly tagsOf?: (digest: Digest) => readonly string[];
  readonly clock: Clock;
  readonly progress: Progress;
  /** Judges an image by the named policies, their quarantine flags not asked. */
  readonly judge: (image: PinnedRef, signal: AbortSignal) => Promise<Omit<JudgedReference, 'reference'>>;
  readonly scanner?: Scanner;
  /** Absent = SBOMs are read on this thread. */
  readonly readSbomElsewhere?: ReadSbomElsewhere | undefined;
  /** Absent = tags are selected on this thread. */
  readonly selectElsewhere?: SelectElsewhere | undefined;
  /** Signed reports about an image by the authorities that the promotion names. */
  readonly reports?: (image: PinnedRef, signal: AbortSignal) => Promise<readonly Scanned[]>;
  readonly signer?: ArtifactSigner;
  /** What was mirrored into the target before; absent when no history is kept. */
  readonly history?: HistoryBook;
  readonly approvals: () => readonly Approval[];
}

/** A tag at the target as it was read. */
export interface TagSeen {
  /** Absent = there is no such tag. */
  readonly digest: Digest | undefined;
  readonly at: Date;
}

/** What the steps of one image have found out so far. */
export interface Learned {
  readonly scanned?: readonly Scanned[];
  readonly gate?: GateResult;
  /** What it had said before an approval was applied. */
  readonly asked?: GateResult;
  readonly gateHash?: string;
  readonly approval?: Approval;
  readonly graph?: Graph;
  readonly moved?: Copied;
  /** The tag at the target, where it was read while something else was under way. */
  readonly tagSeen?: TagSeen | undefined;
  /** What the target has of the attachments, counted there. */
  readonly counts?: AttachmentCounts;
  /** What was not written, and why, although the image has arrived; each a clause for people. */
  readonly left?: readonly string[];
  /** Why the source was not deleted, although it was to be. */
  readonly sourceLeft?: string;
  /** The quarantine flag of an image that had arrived was gone, and was attached again. */
  readonly flagRestored?: boolean;
  /** The report at the target. */
  readonly report?: Descriptor;
}

/** Where the walk of an image through its steps ended. */
export type Walk = { readonly learned: Learned } & (
  | { readonly ended: 'arrived' }
  | { readonly ended: 'waiting' | 'blocked' | 'failed'; readonly at: StepName; readonly reason: Reason }
  | { readonly ended: 'broken'; readonly at: StepName; readonly fault: Fault }
);

/**
 * Walks one image through its steps in order, until one blocks, waits or breaks; `from` = the step to begin at, when those before it
 * are done. Throws only what is a bug.
 */
export async function walk(
  steps: readonly Step[],
  given: { readonly task: ImageTask; readonly learned: Learned; readonly from: StepName | undefined },
  onStep: (name: StepName) => void,
  signal: AbortSignal,
): Promise<Walk> {
  let { learned } = given;
  const begin = steps.findIndex(({ name }) => name === given.from);
  for (const { name: at, run } of steps.slice(Math.max(0, begin))) {
    onStep(at);
    try {
      const outcome = await run(given.task, learned, signal);
      learned = { ...learned, ...outcome.learned };
      if ('reason' in outcome) return { ended: outcome.status, at, reason: outcome.reason, learned };
    } catch (error) {
      if (error instanceof Fault) return { ended: 'broken', at, fault: error, learned };
      throw error;
    }
  }
  return { ended: 'arrived', learned };
}

/** What was left so far, and this besides. */
export function alsoLeft({ left = [] }: Learned, more: readonly string[]): Pick<Learned, 'left'> {
  return more.length === 0 ? {} : { left: [...new Set([...left, ...more])] };
}

/** A refusal as a step gives it. */
export function blocked(
  code: Reason['code'],
  detail: string,
): Extract<StepOutcome, { readonly reason: Reason }> {
  return { status: 'blocked', reason: { code, detail } };
}
