import { openCluster } from '../clients/kubernetes/index.ts';
import { Fault, parsed, textOf, objectOf } from '../core/model/index.ts';
import type { OpenApprovingTool } from '../cli/index.ts';
import { usualKubeconfig } from './doctor.ts';
import { runObject } from '../controllers/promotions/index.ts';
import { RESOURCES } from '../core/workload/index.ts';
import type { ProcessContext } from './process-context.ts';

/** Opens the API server for `pratique approve`, by the kubeconfig that kubectl would use. */
export function approvingTool({ version, environment }: ProcessContext): OpenApprovingTool {
  return async ({ kubeconfig }) => {
    const path = kubeconfig ?? usualKubeconfig(environment);
    const opened = await openCluster({
      userAgent: `pratique/${version}`,
      ...(path !== undefined && { kubeconfig: path }),
    });
    if (!opened.ok) return opened;
    const cluster = opened.value;
    return parsed({
      runStatus: async (namespace, name, signal) => {
        const object = await cluster.get({ resource: RESOURCES.promotionRuns, namespace, name }, signal);
        return object && (runObject(object).status ?? {});
      },
      whoAmI: async (signal) => {
        const answer = await cluster.create({ resource: RESOURCES.selfSubjectReviews }, REVIEW, { signal });
        const object = answer.ok ? answer.object : undefined;
        const { username } = objectOf(objectOf(objectOf(object).status).userInfo);
        if (textOf(username) !== '') return textOf(username);
        throw new Fault({
          code: 'ClusterDenied',
          operation: 'ask the API server who I am',
          side: 'cluster',
          transient: false,
          detail: 'it does not say',
        });
      },
      close: () => cluster.close(),
    });
  };
}

const REVIEW = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
