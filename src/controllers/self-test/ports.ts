import type { Clock } from '../../core/model/index.ts';
import type { CanaryAnswer, CanaryKind, RunningPod, SelfTestVerdict } from '../../core/workload/index.ts';

/** A resource as it stands in URLs. */
export interface CanaryResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

/** Nothing of the self-test is ever stored. */
export interface DryRun {
  readonly dryRun: true;
  readonly signal: AbortSignal;
}

/** What canaries are sent through. A *no* is a value; a broken connection is thrown as a `Fault`. */
export interface CanaryPorts {
  readonly create: (
    collection: { readonly resource: CanaryResource; readonly namespace: string },
    object: object,
    options: DryRun,
  ) => Promise<CanaryAnswer>;
  /** A JSON merge patch of a subresource. */
  readonly patch: (
    address: {
      readonly resource: CanaryResource;
      readonly namespace: string;
      readonly name: string;
      readonly subresource: string;
    },
    patch: object,
    options: DryRun,
  ) => Promise<CanaryAnswer>;
  /** A pod in a namespace that the webhook covers, this one if it has any; `undefined` when there is none. */
  readonly findPod: (namespace: string, signal: AbortSignal) => Promise<RunningPod | undefined>;
  /** The custom kinds of the settings that the cluster has; absent = none are tried. */
  readonly customKinds?: (signal: AbortSignal) => Promise<readonly CanaryKind[]>;
  /** 64 hexadecimal digits by chance. */
  readonly hex: () => string;
  /** Receives errors that are no broken connection: bugs. */
  readonly report: (error: unknown) => void;
}

/** What is known about whether enforcement is on; `at` is the moment the last run ended. */
export type SelfTestResult =
  | { readonly state: 'not run yet'; readonly canaries: readonly [] }
  | (SelfTestVerdict & { readonly at: Date });

/** What the self-test needs to go on by itself. */
export interface SelfTestPorts extends CanaryPorts {
  readonly clock: Clock;
  /** A number from 0 to 1 by chance. */
  readonly random: () => number;
  /** Called when the state or the outcome of any canary changes, and after the first run. */
  readonly onChange: (result: SelfTestResult, previous: SelfTestResult) => void;
}
