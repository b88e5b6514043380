import type { AdmissionPorts } from '../webhook/index.ts';
import type { Judging, Policies } from '../cli/index.ts';

/** What the admission door is given where there is no cluster: nobody can read the object that is scaled. */
export function admissionPorts(
  policies: () => Policies,
  judging: Judging,
  told: Pick<AdmissionPorts, 'onDecision' | 'report'>,
): AdmissionPorts {
  return {
    judge: ({ images, policies: asked, labels, signal }) =>
      judging.judge({ images, policies: asked, labels, signal }),
    policies: () => policies().policies,
    namespaceLabels: (namespace) => Promise.resolve(policies().namespaceLabels(namespace)),
    workloads: judging.workloads,
    ...told,
  };
}
