import type { Log } from '../adapters/server/index.ts';
import type { AdmissionPorts } from '../doors/admission/index.ts';
import type { Judging, Policies } from '../doors/cli/index.ts';

/** What the admission door is given. */
export function admissionPorts(policies: () => Policies, judging: Judging, log: Log): AdmissionPorts {
  return {
    judge: judging.judge,
    policies: () => policies().policies,
    namespaceLabels: (namespace) => Promise.resolve(policies().namespaceLabels(namespace)),
    onDecision: (decision) => {
      log.info(decision, 'decided');
    },
    report: (error) => {
      log.error({ err: error }, 'internal error');
    },
  };
}
