import type { Clock, Fact, JudgedImage, NamedImage, Parsed, Problem, Signer } from '../core/model/index.ts';
import type { CompiledPolicy, Labels } from '../core/policy/index.ts';
import type { Approval, Execution } from '../core/promotion/index.ts';
import type { WorkloadTable } from '../core/workload/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { DoctorOptions, DoctorPorts } from './doctor/ports.ts';
import type { OpenApprovingTool, OpenRunTool } from './promotion/ports.ts';

/** YAML or JSON documents with their origin, and what could not be read. */
export interface Reading {
  readonly documents: readonly { readonly origin: string; readonly value: unknown }[];
  readonly problems: readonly Problem[];
}

/** Policies with the namespaces they may select. */
export interface Policies {
  readonly policies: readonly CompiledPolicy[];
  readonly namespaceLabels: (namespace: string) => Fact<Labels>;
}

/** A question for a verdict. */
export interface Question {
  readonly images: readonly NamedImage[];
  readonly policies: readonly CompiledPolicy[];
  readonly labels: Fact<Labels>;
  readonly signal: AbortSignal;
}

/** Something that judges until it is closed. */
export interface Judging {
  /** Kinds that hold a pod spec, custom ones among them. */
  readonly workloads: WorkloadTable;
  readonly judge: (question: Question) => Promise<readonly JudgedImage[]>;
  readonly close: () => Promise<void>;
}

/** The webhook while it runs. */
export interface Serving {
  /** Where it listens, e.g. `https://127.0.0.1:8443`. */
  readonly url: string;
  /** What is served from where, as one line for people. */
  readonly summary: string;
  /** Stops serving; open requests are answered first. */
  readonly close: () => Promise<void>;
}

/** One bundle to verify; everything but the identity is the path of a file, the artifact may be a digest. */
export interface BundleQuestion {
  readonly bundle: string;
  readonly artifact: string;
  readonly trustedRoot?: string;
  readonly key?: string;
  readonly identity?: { readonly subject: string; readonly issuer: string };
}

/** Whether a bundle verifies: by whom, or why not. */
export type BundleOutcome =
  | { readonly ok: true; readonly signer: Signer; readonly signedAt?: Date }
  | { readonly ok: false; readonly why: string };

/** One promotion of a file, ready to be planned and run from here. */
export interface OpenPromotion {
  readonly name: string;
  /** Repositories, as people write them. */
  readonly source: string;
  readonly target: string;
  readonly dryRun: boolean;
  /** E.g. `30m`. */
  readonly timeout: string;
  readonly approvals: readonly Approval[];
  readonly execution: Execution;
}

/** Promotions as read, with what they are opened by. */
export interface PromotionQuestion {
  readonly reading: Reading;
  readonly settings: Settings;
  readonly policies: readonly CompiledPolicy[];
}

/** What the commands can ask for; joined by the wiring. */
export interface Tools {
  readonly version: string;
  readonly clock: Clock;
  /** Reads a file, a folder or, for `-`, standard input. */
  readonly readDocuments: (path: string) => Promise<Reading>;
  readonly compilePolicies: (reading: Reading) => Parsed<Policies>;
  readonly openJudge: (settings: Settings) => Promise<Parsed<Judging>>;
  /** Answers one AdmissionReview as the webhook would. */
  readonly review: (
    body: string,
    policies: Policies,
    judging: Judging,
    budgetMs: number,
  ) => Promise<{
    readonly status: number;
    readonly answer: unknown;
    readonly allowed: boolean;
    readonly verdict: string;
  }>;
  /** Verifies one sigstore bundle; problems are files that cannot be used. */
  readonly verifyBundle: (question: BundleQuestion) => Promise<Parsed<BundleOutcome>>;
  /** Opens every ImagePromotion among the documents; all problems of all of them at once. Without it there are no commands for them. */
  readonly openPromotions?: (
    question: PromotionQuestion,
  ) => Promise<
    Parsed<{ readonly promotions: readonly OpenPromotion[]; readonly close: () => Promise<void> }>
  >;
  /** Opens a run of a cluster. Without it there is no command for it. */
  readonly openRun?: OpenRunTool;
  /** Opens an API server for `approve`. Without it there is no such command. */
  readonly openApproving?: OpenApprovingTool;
  /** Opens an API server for `doctor`; problems name the file. Without it there is no such command. */
  readonly doctor?: (options: DoctorOptions) => Promise<Parsed<DoctorPorts>>;
  /** Serves with policies from a folder, or without one from the cluster of the settings. */
  readonly serve: (settings: Settings, folder: string | undefined) => Promise<Parsed<Serving>>;
}

/** The terminal a command runs at. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether colours are wanted: a terminal, and no NO_COLOR. */
  readonly colour: boolean;
  /** Whether standard error is a terminal, where a line may be drawn again. */
  readonly interactive: boolean;
  /** Resolves when the user or the system asks to stop. */
  readonly stopped: () => Promise<void>;
}
