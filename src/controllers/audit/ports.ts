import type { WorkQueue, WorkQueueOptions } from '../../clients/kubernetes/index.ts';
import type { Clock, Fact, JudgedImage, NamedImage } from '../../core/model/index.ts';
import type { CompiledPolicy, Labels } from '../../core/policy/index.ts';
import type { RunningPod } from './running-pods.ts';

/** What moves a verdict, besides time. */
export type AuditChange =
  /** A pod that is new or changed; without a value it has finished. */
  | {
      readonly type: 'set';
      readonly name: string;
      readonly namespace?: string;
      readonly value: RunningPod | undefined;
    }
  | { readonly type: 'removed'; readonly name: string; readonly namespace?: string }
  /** The compiled policies were swapped, or the trust behind them. */
  | { readonly type: 'policies' }
  /** The labels of a namespace changed. */
  | { readonly type: 'namespace'; readonly namespace: string };

/** By which logins a pod pulls. */
export interface Credentials {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pullSecrets: readonly string[];
}

/** One question to the port `judge`. */
export interface AuditQuestion {
  readonly images: readonly NamedImage[];
  readonly policies: readonly CompiledPolicy[];
  readonly labels: Fact<Labels>;
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}

/** How many distinct running images a policy covers, and their results; each is in at most one of the last three. */
export interface ImageCounts {
  readonly judged: number;
  readonly denied: number;
  readonly warned: number;
  readonly unknown: number;
}

/** The fields of an ImagePolicy's status that belong to the audit. */
export interface AuditStatus {
  readonly images: ImageCounts;
  /** RFC 3339. */
  readonly lastAudit: string;
}

/** One event about a pod. */
export interface AuditEvent {
  readonly regarding: {
    readonly apiVersion: 'v1';
    readonly kind: 'Pod';
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

/** The answer to a write: a *no* of the API server is a value. */
export type WriteAnswer =
  { readonly ok: true } | { readonly ok: false; readonly status: number; readonly message: string };

/** Where reports are kept; a broken connection is a thrown Fault. */
export interface ReportStore {
  /** Whether the cluster has the API `openreports.io/v1alpha1`. */
  readonly installed: (signal: AbortSignal) => Promise<boolean>;
  /** Namespaces that have a Report of ours, of whichever leader. */
  readonly namespaces: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly write: (namespace: string, report: Report, signal: AbortSignal) => Promise<WriteAnswer>;
  /** That there is none is as good. */
  readonly remove: (namespace: string, signal: AbortSignal) => Promise<WriteAnswer>;
}

/** Calls back once, after this many milliseconds; the answer cancels it. */
export type After = (ms: number, run: () => void) => () => void;

/** All pods of the cluster, from a synced cache; finished ones may be `undefined`. Kept by the leader alone. */
export type Pods = () => Iterable<RunningPod | undefined>;

/** What the audit needs from outside. */
export interface AuditPorts {
  /** Calls the listener for every change from now on; the answer ends the subscription. */
  readonly subscribe: (listener: (change: AuditChange) => void) => () => void;
  /** The compiled policies, as one snapshot. */
  readonly policies: () => readonly CompiledPolicy[];
  readonly namespaceLabels: (namespace: string, signal: AbortSignal) => Promise<Fact<Labels>>;
  readonly judge: (question: AuditQuestion) => Promise<readonly JudgedImage[]>;
  readonly writeStatus: (policy: string, status: AuditStatus, signal: AbortSignal) => Promise<WriteAnswer>;
  readonly recordEvent: (event: AuditEvent) => void;
  /** Absent = no reports are wanted. */
  readonly reports?: ReportStore;
  readonly makeQueue: (options: WorkQueueOptions) => WorkQueue;
  readonly clock: Clock;
  readonly after: After;
  /** At least 0, below 1. */
  readonly random: () => number;
  /** Receives every error that is retried. */
  readonly onError: (trouble: { readonly operation: string; readonly detail: string }) => void;
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** How the audit works. */
export interface AuditSettings {
  /** What runs is judged again this often even if nothing changed. */
  readonly everyMs: number;
  /** Images judged per second and registry. */
  readonly perRegistryPerSecond: number;
  /** What becomes of images that no policy covers. */
  readonly unmatchedImages: 'Allow' | 'Warn' | 'Deny';
  /** Names of policies that are no objects of the cluster: they have no status. */
  readonly builtInPolicies: readonly string[];
}

/** The result of one policy for one image. */
export interface ReportResult {
  readonly source: string;
  readonly policy: string;
  /** The reason code. */
  readonly rule: string;
  readonly category: string;
  readonly result: 'fail' | 'warn' | 'error';
  readonly scored: boolean;
  readonly severity: 'high' | 'medium' | 'low' | 'info';
  /** Since when it is so. */
  readonly timestamp: { readonly seconds: number; readonly nanos: number };
  readonly message: string;
  /** The pods that run it, of which the first are named. */
  readonly resources: readonly {
    readonly apiVersion: 'v1';
    readonly kind: 'Pod';
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }[];
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * What an audit found in one namespace, as the OpenReports API has it (openreports.io/v1alpha1).
 * https://github.com/openreports/reports-api
 */
export interface Report {
  readonly apiVersion: 'openreports.io/v1alpha1';
  readonly kind: 'Report';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly source: string;
  readonly scope: { readonly apiVersion: 'v1'; readonly kind: 'Namespace'; readonly name: string };
  readonly configuration: {
    readonly limits: { readonly maxResults: number; readonly statusFilter: readonly string[] };
  };
  /** Counts of everything, also of what is not among the results. */
  readonly summary: {
    readonly pass: number;
    readonly fail: number;
    readonly warn: number;
    readonly error: number;
    readonly skip: number;
  };
  readonly results: readonly ReportResult[];
}
