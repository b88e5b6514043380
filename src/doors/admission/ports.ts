import type { Fact, JudgedImage, NamedImage } from '../../core/model/index.ts';
import type { CompiledPolicy, Labels } from '../../core/policy/index.ts';

/** What the admission door needs: somebody who judges, the policies of this moment, and namespaces. */
export interface AdmissionPorts {
  readonly judge: (request: {
    readonly images: readonly NamedImage[];
    readonly policies: readonly CompiledPolicy[];
    readonly labels: Fact<Labels>;
    readonly signal: AbortSignal;
  }) => Promise<readonly JudgedImage[]>;
  /** The compiled policies, as one snapshot. */
  readonly policies: () => readonly CompiledPolicy[];
  readonly namespaceLabels: (namespace: string) => Fact<Labels>;
  /** Told of every decision, for the log. */
  readonly onDecision: (decision: Decision) => void;
  /** Told of every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** One decision, in the words of the log line. */
export interface Decision {
  readonly uid: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly operation: string;
  readonly dryRun: boolean;
  readonly allowed: boolean;
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly images: readonly string[];
  readonly milliseconds: number;
}
