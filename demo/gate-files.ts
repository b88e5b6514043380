// What the small cluster of the third part has in it: a policy, keys, and two promotions as people write them.
import { parse } from 'yaml';
import type { KubeObject, Resource } from '../src/clients/kubernetes/types.ts';
import { RESOURCES } from '../src/core/workload/index.ts';
import type { Keys } from './story.ts';

/** Where all of it is installed. */
export const NAMESPACE = 'pratique';

const API = 'apiVersion: pratique.dev/v1alpha1';

/** From public through quarantine to golden. */
export const promotionsYaml = (host: string): { readonly mirror: string; readonly promote: string } => ({
  mirror: `${API}
kind: ImagePromotion
metadata: { name: tool-mirror }
spec:
  source: { repository: ${host}/public/tool }
  target: { repository: ${host}/quarantine/public/tool }
  tags: { semver: ['>=2'] }
  mirror: {}
`,
  promote: `${API}
kind: ImagePromotion
metadata: { name: tool-to-golden }
spec:
  source: { repository: ${host}/quarantine/public/tool }
  target: { repository: ${host}/golden/public/tool }
  tags: { semver: ['*'] }
  promote: { approval: Always, sign: { secretRef: { name: release-key } } }
`,
});

/** The objects of the cluster. */
export function clusterObjects({
  host,
  keys: { release, security },
  policy,
}: {
  readonly host: string;
  readonly keys: Keys;
  readonly policy: string;
}): readonly (readonly [Resource, object])[] {
  const secret = (name: string, data: Readonly<Record<string, string>>): object => ({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NAMESPACE } },
    data: Object.fromEntries(
      Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
    ),
  });
  const pem = release.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const { mirror, promote } = promotionsYaml(host);
  const promotion = (text: string): object => {
    const object = parse(text) as { readonly metadata: { readonly name: string } };
    const { name } = object.metadata;
    return { ...object, metadata: { name, namespace: NAMESPACE, uid: name, generation: 1 } };
  };
  return [
    [RESOURCES.policies, parse(policy) as object],
    [RESOURCES.secrets, secret('release-key', { 'cosign.pub': release.pem, 'cosign.key': pem })],
    [RESOURCES.secrets, secret('security-key', { 'cosign.pub': security.pem })],
    [RESOURCES.promotions, promotion(mirror)],
    [RESOURCES.promotions, promotion(promote)],
  ];
}

/** How gate and controller reach the cluster, and where the gate pulls from. */
export function gateSettings({ host, server }: { readonly host: string; readonly server: string }): {
  readonly settings: object;
  readonly kubeconfig: object;
} {
  const cluster = { name: 'demo', cluster: { server } };
  return {
    kubeconfig: {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'demo', clusters: [cluster] },
      ...{ users: [{ name: 'demo', user: {} }] },
      contexts: [{ name: 'demo', context: { cluster: 'demo', user: 'demo' } }],
    },
    settings: {
      ...{ audit: { enabled: false }, selfTest: { enabled: false }, operations: { listen: '127.0.0.1:0' } },
      certificates: { hosts: ['localhost'] },
      gate: {
        listen: '127.0.0.1:0',
        upstreams: [{ match: [`${host}/public/**`], registry: `${host}/golden` }, { match: [`${host}/**`] }],
        onMissing: { request: 'tool-mirror' },
      },
    },
  };
}

interface Row {
  readonly source?: string;
  readonly gateHash?: string;
  readonly decision?: string;
}

/** A person's yes to what waits in a run. */
export function approvalOf({ metadata, status }: KubeObject): object | undefined {
  const { images = [] } = (status ?? {}) as { readonly images?: readonly Row[] };
  const waiting = images.find(({ decision }) => decision === 'AwaitingApproval');
  if (!waiting) return undefined;
  return {
    ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'PromotionApproval' },
    metadata: { name: 'yes', namespace: NAMESPACE },
    spec: {
      ...{ runName: metadata.name, digest: waiting.source, gateHash: waiting.gateHash },
      ...{ approver: 'jane@example.com', decision: 'Approve', reason: 'reviewed', until: '2099-12-31' },
    },
  };
}
