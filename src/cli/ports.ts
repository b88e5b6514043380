import type { Command } from 'commander';
import type { Cluster } from '../clients/kubernetes/index.ts';
import type { JudgeQuestion } from '../core/evidence/index.ts';
import type { Clock, JudgedImage, Parsed, Problem, Signer } from '../core/model/index.ts';
import type { CompiledPolicy, FolderPolicies } from '../core/policy/index.ts';
import type {
  Approval,
  Execution,
  ImagePromotionRunStatus,
  ImagePromotionSpec,
} from '../core/promotion/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { SelfTestVerdict, WorkloadTable } from '../core/workload/index.ts';

/** YAML or JSON documents with their origin, and what could not be read. */
export interface Reading {
  readonly documents: readonly { readonly origin: string; readonly value: unknown }[];
  readonly problems: readonly Problem[];
}

/** Something that judges until it is closed. `workloads` are the kinds that hold a pod spec, custom ones among them. */
export interface Judging {
  readonly workloads: WorkloadTable;
  readonly judge: (question: JudgeQuestion) => Promise<readonly JudgedImage[]>;
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
  readonly trustedRoot?: string | undefined;
  readonly key?: string | undefined;
  readonly identity?: { readonly subject: string; readonly issuer: string } | undefined;
}

/** Whether a bundle verifies: by whom, or why not. */
export type BundleOutcome =
  | { readonly ok: true; readonly signer: Signer; readonly signedAt?: Date }
  | { readonly ok: false; readonly why: string };

/** One promotion of a file, ready to be planned and run from here. Repositories and the timeout are as people write them. */
export interface OpenPromotion {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly dryRun: boolean;
  readonly timeout: string;
  readonly approvals: readonly Approval[];
  readonly execution: Execution;
}

export interface OpenPromotions {
  readonly promotions: readonly OpenPromotion[];
  readonly close: () => Promise<void>;
}

export interface PromotionQuestion {
  readonly reading: Reading;
  readonly settings: Settings;
  readonly policies: readonly CompiledPolicy[];
}

/** How the API server is reached; absent = the current context of the usual kubeconfig, or as the pod that this is. */
interface ClusterOptions {
  readonly kubeconfig?: string | undefined;
}

/** One run to execute. */
export interface RunQuestion extends ClusterOptions {
  readonly namespace: string;
  readonly name: string;
  /** Who holds its claim, for people and for the controller: the name of a Job. */
  readonly holder: string;
  /** The namespace in which the keys are that policies name; absent = that of the settings. */
  readonly installation?: string | undefined;
  readonly settings: Settings;
}

/** The result. `nothing` = the run had ended before, or does not exist. */
export type RunAnswer =
  | { readonly end: 'over'; readonly status: ImagePromotionRunStatus }
  | { readonly end: 'stopped' | 'nothing' };

/** A run that is ready to start as soon as no other process holds it. */
export interface OpenRun {
  readonly execute: (signal: AbortSignal) => Promise<RunAnswer>;
  readonly close: () => Promise<void>;
}

/** A run about which a person decides. */
export interface ApprovableRun {
  readonly uid: string;
  readonly status: ImagePromotionRunStatus;
  /** The promotion as it is frozen in the run; absent = it cannot be read. */
  readonly asked?: ImagePromotionSpec;
}

/** A cluster in which the caller wants to decide about a run. Throws a `Fault` when the API server cannot be asked. */
export interface ApprovingPorts {
  /** A run as it is now; `undefined` = there is none. */
  readonly run: (namespace: string, name: string, signal: AbortSignal) => Promise<ApprovableRun | undefined>;
  /** The name by which the API server knows who asks. */
  readonly whoAmI: (signal: AbortSignal) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** A JSON object as the API server gives it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The API server as doctor needs it, with the caller's rights; `create` sends access reviews only, which are stored nowhere. */
export interface DoctorPorts extends Pick<
  Cluster,
  'server' | 'version' | 'get' | 'list' | 'create' | 'close'
> {
  /** One run of the canaries from here. */
  readonly selfTest: (namespace: string, signal: AbortSignal) => Promise<SelfTestVerdict>;
  /** The CustomResourceDefinitions without which nothing works, as this program ships them. */
  readonly shippedCrds: readonly JsonObject[];
  /** Those that only promotions need. */
  readonly promotionCrds: readonly JsonObject[];
}

/** What the commands can ask for. A command whose tool is absent does not exist. Problems name the file. */
export interface Tools {
  readonly version: string;
  readonly clock: Clock;
  /** Reads a file, a folder or, for `-`, standard input. */
  readonly readDocuments: (path: string) => Promise<Reading>;
  readonly compilePolicies: (reading: Reading) => Parsed<FolderPolicies>;
  readonly openJudge: (settings: Settings) => Promise<Parsed<Judging>>;
  /** Answers one AdmissionReview as the webhook would. */
  readonly review: (
    body: string,
    policies: FolderPolicies,
    judging: Judging,
    budgetMs: number,
  ) => Promise<{
    readonly status: number;
    readonly answer: unknown;
    readonly allowed: boolean;
    readonly verdict: string;
  }>;
  readonly verifyBundle: (question: BundleQuestion) => Promise<Parsed<BundleOutcome>>;
  /** Opens every ImagePromotion among the documents; all problems of all of them at once. */
  readonly openPromotions?: (question: PromotionQuestion) => Promise<Parsed<OpenPromotions>>;
  readonly openRun?: (question: RunQuestion) => Promise<Parsed<OpenRun>>;
  readonly openApproving?: (options: ClusterOptions) => Promise<Parsed<ApprovingPorts>>;
  readonly doctor?: (options: ClusterOptions) => Promise<Parsed<DoctorPorts>>;
  /** Serves the gate with policies from a folder, or without one from the cluster of the settings. */
  readonly gate?: (settings: Settings, folder: string | undefined) => Promise<Parsed<Serving>>;
  /** Serves with policies from a folder, or without one from the cluster of the settings. */
  readonly serve: (settings: Settings, folder: string | undefined) => Promise<Parsed<Serving>>;
}

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

/** Adds a command to the program; the command hands its exit code to `exit`. */
export type AddCommand<Needed = Tools> = (
  program: Command,
  tools: Needed,
  terminal: Terminal,
  exit: (code: number) => void,
) => void;
