import type { ObjectAddress } from '../clients/kubernetes/index.ts';
import type { Credentials, JudgeQuestion } from '../core/evidence/index.ts';
import { unknown, type Fact, type ImageRef } from '../core/model/index.ts';
import type { JudgedImage, PinnedRef } from '../core/model/index.ts';
import type { CompiledPolicy, FolderPolicies, Labels } from '../core/policy/index.ts';
import type { AdmissionRequest, DecodePorts } from './decode.ts';

/** What both webhooks need: the policies of this moment, and namespaces. */
export interface CommonPorts extends DecodePorts {
  /** The compiled policies, as one snapshot. */
  readonly policies: () => readonly CompiledPolicy[];
  /** Asked only while some policy selects namespaces. Never rejects for anything the cluster does. */
  readonly namespaceLabels: (namespace: string, signal: AbortSignal) => Promise<Fact<Labels>>;
  /** Which objects get digests: all with images, or Pods only, so that templates stay as their authors wrote them. */
  readonly objects?: 'All' | 'Pods';
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** What the validating webhook needs. */
export interface AdmissionPorts extends CommonPorts {
  readonly judge: (question: JudgeQuestion) => Promise<readonly JudgedImage[]>;
  /**
   * Reads the object that a `scale` request is about, as it is at this moment. Absent = this process cannot read objects,
   * and scaling up is refused. Never rejects for anything the cluster does.
   */
  readonly parent?: (address: ObjectAddress, signal: AbortSignal) => Promise<Fact<unknown>>;
  /** Receives every decision, for the log. */
  readonly onDecision: (decision: Decision) => void;
}

/** What the mutating webhook needs. */
export interface MutationPorts extends CommonPorts {
  /**
   * The digests that references without one stand for right now: a fact for each, in their order. No reference is asked
   * for twice in one request. Never rejects for anything a registry does.
   */
  readonly resolve: (
    images: readonly ImageRef[],
    credentials: Credentials,
    signal: AbortSignal,
  ) => Promise<readonly Fact<PinnedRef>[]>;
  /** Receives every request that was examined for images to pin, for the log. */
  readonly onMutation: (mutation: Mutation) => void;
}

/** What a request was about, in the words of the log line. */
export interface Subject extends Pick<AdmissionRequest, 'uid' | 'namespace' | 'name' | 'dryRun'> {
  readonly kind: string;
  readonly operation: string;
}

/** One decision, in the words of the log line. */
export interface Decision extends Subject {
  readonly allowed: boolean;
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly images: readonly string[];
  readonly milliseconds: number;
}

/** The result for one request that might have images to pin. */
export interface Mutation extends Subject {
  readonly pinned: readonly string[];
  readonly warnings: readonly string[];
  readonly milliseconds: number;
}

/** Stands for labels that no policy needs. Should a policy need them after all, the image is not admitted because of it. */
const NOT_ASKED = unknown('NamespaceUnknown', 'no policy selects namespaces');

/** The labels of a namespace, looked up only while a policy selects by them. */
export async function labelsFor(
  namespace: string,
  policies: readonly CompiledPolicy[],
  { namespaceLabels }: Pick<CommonPorts, 'namespaceLabels'>,
  signal: AbortSignal,
): Promise<Fact<Labels>> {
  const selecting = policies.some(({ coversNamespace }) => coversNamespace !== undefined);
  return selecting ? namespaceLabels(namespace, signal) : NOT_ASKED;
}

/** What the webhook is given where there is no cluster: the object that is scaled cannot be read. */
export function standalonePorts(
  policies: () => FolderPolicies,
  judging: Pick<AdmissionPorts, 'judge' | 'workloads' | 'decodeElsewhere'>,
  reporting: Pick<AdmissionPorts, 'onDecision' | 'report'>,
): AdmissionPorts {
  return {
    // No cluster, no pull secrets: the logins are those of this process.
    judge: (question) => judging.judge({ ...question, credentials: undefined }),
    policies: () => policies().policies,
    namespaceLabels: (namespace) => Promise.resolve(policies().namespaceLabels(namespace)),
    workloads: judging.workloads,
    decodeElsewhere: judging.decodeElsewhere,
    ...reporting,
  };
}
