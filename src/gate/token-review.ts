import type { Cluster } from '../clients/kubernetes/index.ts';
import { Fault, listOf, objectOf, textOf } from '../core/model/index.ts';
import type { CallerPorts } from './callers.ts';

const TOKEN_REVIEWS = { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews' } as const;

/** Asks the API server whose token it is (`TokenReview`). Throws a `Fault` when it cannot be asked. */
export function tokenReviewer({ create }: Pick<Cluster, 'create'>): NonNullable<CallerPorts['reviewToken']> {
  return async (token, signal) => {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
    const answer = await create({ resource: TOKEN_REVIEWS }, review, { signal });
    if (!answer.ok) {
      const [code, operation, side] = ['ClusterDenied', 'review a token', 'cluster'] as const;
      throw new Fault({ code, operation, side, transient: false, detail: answer.message });
    }
    const status = objectOf(answer.object.status);
    if (status.authenticated !== true) return undefined;
    const user = objectOf(status.user);
    return {
      username: textOf(user.username),
      groups: listOf(user.groups).filter((one) => typeof one === 'string'),
    };
  };
}
