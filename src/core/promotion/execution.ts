import type { Reason } from '../model/index.ts';
import type { Approval } from './approval.ts';
import type { PlannedImage } from './plan.ts';
import type { ImageResult } from './result.ts';
import type { Progress } from './steps/step.ts';

/** What a promotion would do, as the registries are at this moment. */
export type Discovery =
  /** `nothing` says why there is no image; absent where there are any. */
  | { readonly state: 'planned'; readonly images: readonly PlannedImage[]; readonly nothing?: string }
  /** There is nothing to plan for a reason that a person should read, e.g. a repository that is not there. */
  | { readonly state: 'refused'; readonly reason: Reason };

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
  /** Resolves every selected tag once. Throws a `Fault` when a registry cannot be asked. */
  readonly plan: (signal: AbortSignal) => Promise<Discovery>;
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
