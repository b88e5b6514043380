import type { Fact } from '../core/model/index.ts';
import type { CompiledPolicy, Labels } from '../core/policy/index.ts';
import type { AdmissionPorts } from './ports.ts';

/** Policies of a folder, with the labels of the namespaces beside them. */
export interface FolderPolicies {
  readonly policies: readonly CompiledPolicy[];
  readonly namespaceLabels: (namespace: string) => Fact<Labels>;
}

/** What the webhook is given where there is no cluster: the object that is scaled cannot be read. */
export function standalonePorts(
  policies: () => FolderPolicies,
  judging: Pick<AdmissionPorts, 'judge' | 'workloads'>,
  reporting: Pick<AdmissionPorts, 'onDecision' | 'report'>,
): AdmissionPorts {
  return {
    // No cluster, no pull secrets: the logins are those of this process.
    judge: ({ images, policies: selected, labels, signal }) =>
      judging.judge({ images, policies: selected, labels, signal }),
    policies: () => policies().policies,
    namespaceLabels: (namespace) => Promise.resolve(policies().namespaceLabels(namespace)),
    workloads: judging.workloads,
    ...reporting,
  };
}
