import type { Parsed } from '../../core/model/index.ts';
import type { ImagePromotionRunStatus } from '../../core/promotion/index.ts';
import type { Settings } from '../../core/settings/index.ts';

/** One run to execute. */
export interface RunQuestion {
  readonly namespace: string;
  readonly name: string;
  /** Who holds its claim, for people and for the controller: the name of a Job. */
  readonly holder: string;
  /** The namespace in which the keys are that policies name; absent = that of the settings. */
  readonly installation?: string;
  readonly kubeconfig?: string;
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

/** A cluster in which the caller wants to decide about a run. */
export interface ApprovingPorts {
  /** The status of a run; `undefined` = there is no such run. Throws a `Fault` when the API server cannot be asked. */
  readonly runStatus: (
    namespace: string,
    name: string,
    signal: AbortSignal,
  ) => Promise<ImagePromotionRunStatus | undefined>;
  /** The name by which the API server knows who asks. */
  readonly whoAmI: (signal: AbortSignal) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Opens a run for `run`; problems name the file. */
export type OpenRunTool = (question: RunQuestion) => Promise<Parsed<OpenRun>>;
/** Opens an API server for `approve`; problems name the file. */
export type OpenApprovingTool = (options: {
  readonly kubeconfig?: string;
}) => Promise<Parsed<ApprovingPorts>>;
