import type {
  Change,
  RecordedEvent,
  WorkQueue,
  WorkQueueOptions,
  Written,
} from '../../clients/kubernetes/index.ts';
import type { JudgeQuestion } from '../../core/evidence/index.ts';
import { Fault, type Fact, type JudgedImage, type Time } from '../../core/model/index.ts';
import type { CompiledPolicy, Labels, PolicyStatus } from '../../core/policy/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import type { RunningPod } from './running-pods.ts';

/** What moves a verdict, besides time. */
export type AuditChange =
  /** A pod that is new, changed or gone; without a value it has finished. */
  | Change<RunningPod | undefined>
  /** The compiled policies were swapped, or the trust behind them. */
  | { readonly type: 'policies' }
  /** The labels of a namespace changed. */
  | { readonly type: 'namespace'; readonly namespace: string };

/** One question to the port `judge`. */
export type AuditQuestion = Required<JudgeQuestion>;

/** The fields of an ImagePolicy's status that belong to the audit. */
export type AuditStatus = Required<Pick<PolicyStatus, 'images' | 'lastAudit'>>;

/** How many distinct running images a policy covers, and their results; each is in at most one of denied, warned and unknown. */
export type ImageCounts = Readonly<AuditStatus['images']>;

/** The answer to a write: only a *no* of the API server says more. */
export type WriteAnswer =
  { readonly ok: true } | Pick<Extract<Written, { readonly ok: false }>, 'ok' | 'status' | 'message'>;

/** Where reports are kept; a broken connection is a thrown Fault. */
export interface ReportStore {
  /** Whether the cluster has the API `openreports.io/v1alpha1`. */
  readonly installed: (signal: AbortSignal) => Promise<boolean>;
  /** Namespaces that have a Report of ours, of whichever leader. */
  readonly namespaces: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly write: (namespace: string, report: object, signal: AbortSignal) => Promise<WriteAnswer>;
  /** That there is none is as good. */
  readonly remove: (namespace: string, signal: AbortSignal) => Promise<WriteAnswer>;
}

/** All pods of the cluster, from a synced cache; finished ones may be `undefined`. Kept by the leader alone. */
export type Pods = () => Iterable<RunningPod | undefined>;

/** What the audit needs from outside. */
export interface AuditPorts extends Pick<Time, 'clock' | 'after'> {
  /** The compiled policies, as one snapshot. */
  readonly policies: () => readonly CompiledPolicy[];
  readonly namespaceLabels: (namespace: string, signal: AbortSignal) => Promise<Fact<Labels>>;
  readonly judge: (question: AuditQuestion) => Promise<readonly JudgedImage[]>;
  readonly writeStatus: (policy: string, status: AuditStatus, signal: AbortSignal) => Promise<WriteAnswer>;
  readonly recordEvent: (event: RecordedEvent) => void;
  /** Absent = no reports are wanted. */
  readonly reports?: ReportStore;
  readonly makeQueue: (options: WorkQueueOptions) => WorkQueue;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Receives every error that is retried. */
  readonly onError: (trouble: { readonly operation: string; readonly detail: string }) => void;
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** Reports a failure: what is no broken connection is a bug. */
export function reportFailure(
  operation: string,
  error: unknown,
  { onError, report }: Pick<AuditPorts, 'onError' | 'report'>,
): void {
  if (error instanceof Fault) onError({ operation, detail: error.message });
  else report(error);
}

/** How the audit works. */
export interface AuditSettings
  extends Pick<Settings['audit'], 'everyMs' | 'perRegistryPerSecond'>, Pick<Settings, 'unmatchedImages'> {
  /** Names of policies that are no objects of the cluster: they have no status. */
  readonly builtInPolicies: readonly string[];
}
