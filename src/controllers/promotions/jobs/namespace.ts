import type { Cluster } from '../../../clients/kubernetes/index.ts';
import { Fault, type Reason } from '../../../core/model/index.ts';
import type { Executions } from '../ports.ts';
import { RESOURCES } from '../../../core/workload/index.ts';

/**
 * Also checks that a namespace is prepared for Jobs before a run starts there. A missing object is reported in the promotion,
 * and no Job is created whose pod could never start.
 */
export function checkedForJobs(
  executions: Executions,
  cluster: Pick<Cluster, 'get' | 'list'>,
  serviceAccountName: string,
): Executions {
  const objection = async (namespace: string, signal: AbortSignal): Promise<Reason | undefined> => {
    try {
      await cluster.list({ resource: RESOURCES.jobs, namespace }, { limit: 1 }, signal);
      const account = { resource: RESOURCES.serviceAccounts, namespace, name: serviceAccountName };
      if (await cluster.get(account, signal)) return undefined;
      const detail = `there is no ServiceAccount ${serviceAccountName} in namespace ${namespace}, by which its Jobs would run`;
      return { code: 'ClusterDenied', detail };
    } catch (error) {
      if (!(error instanceof Fault) || error.transient) throw error;
      return { code: error.code, detail: error.message };
    }
  };
  return {
    ...executions,
    check: async (subject, signal) =>
      (await objection(subject.namespace, signal)) ?? (await executions.check(subject, signal)),
  };
}
