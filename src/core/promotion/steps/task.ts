import type { Clock, Descriptor, ImageRef, PinnedRef } from '../../model/index.ts';
import type { JudgedReference } from '../../evidence/index.ts';
import type { Approval } from '../approval.ts';
import type { CopyProgress } from '../copy/progress.ts';
import type { GateResult } from '../gates/gate.ts';
import type { Scanned } from '../gates/scanned.ts';
import type { Graph } from '../graph/graph.ts';
import type { Resolved } from '../plan.ts';
import type { ArtifactSigner, Scanner, SourceRegistry, TargetRegistry } from '../ports.ts';
import type { Progress } from '../progress.ts';
import type { RunIdentity } from '../records/run-identity.ts';
import type { AttachmentCounts } from '../result.ts';
import type { ImagePromotionSpec } from '../schema.ts';

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
  readonly source: SourceRegistry;
  readonly target: TargetRegistry;
  readonly run: RunIdentity;
  /** When the run began: what it writes carries this time, so that a run that continues after a crash writes the same. */
  readonly startedAt: Date;
  /** Whether the source is read with a login. */
  readonly sourceAuthenticated: boolean;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Judges an image by the named policies, their quarantine flags not asked. */
  readonly judge: (image: PinnedRef, signal: AbortSignal) => Promise<Omit<JudgedReference, 'reference'>>;
  readonly scanner?: Scanner;
  /** Signed reports about an image by the authorities that the promotion names. */
  readonly reports?: (image: PinnedRef, signal: AbortSignal) => Promise<readonly Scanned[]>;
  readonly signer?: ArtifactSigner;
  readonly approvals: () => readonly Approval[];
}

/** What the steps of one image have found out so far. */
export interface Learned {
  readonly scanned?: readonly Scanned[];
  readonly gates: readonly GateResult[];
  /** What they had said before an approval was applied. */
  readonly asked?: readonly GateResult[];
  readonly gateHash?: string;
  readonly approval?: Approval;
  readonly graph?: Graph;
  readonly moved?: CopyProgress;
  /** What the target has of the attachments, counted there. */
  readonly counts?: AttachmentCounts;
  /** Why the source was not deleted, although it was to be. */
  readonly sourceLeft?: string;
  /** The report at the target. */
  readonly report?: Descriptor;
}
