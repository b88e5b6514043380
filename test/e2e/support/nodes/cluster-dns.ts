import type { Cluster } from '../cluster/cluster.ts';
import { requirePrograms } from '../programs/ensure.ts';
import { pushProgramImage } from './program-images.ts';

/** Where the pods of CoreDNS are, and the labels that find them. */
export const DNS_NAMESPACE = 'kube-system';
export const DNS_LABEL = 'k8s-app=kube-dns';
const NAME = 'coredns';
const LABELS = { 'k8s-app': 'kube-dns' };
/** Above 1024, so that it needs no privilege. */
const PORT = 1_053;

/** Installs CoreDNS as kubeadm does: two pods, on different nodes, behind one address. It knows the registry by its name. */
export async function installClusterDns(
  cluster: Cluster,
  given: { readonly registry: string; readonly registryAddress: string; readonly address: string },
): Promise<void> {
  const { coredns } = await requirePrograms(['coredns']);
  const target = { registry: given.registry, repository: NAME, tag: '1' };
  const { reference } = await pushProgramImage(target, {
    files: { coredns },
    entrypoint: ['/coredns'],
    user: '65532:65532',
  });
  const [name = ''] = given.registry.split(':');
  const corefile = `.:${String(PORT)} {
  errors
  health :8081
  ready :8181
  hosts {
    ${given.registryAddress} ${name}
    fallthrough
  }
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    fallthrough in-addr.arpa ip6.arpa
  }
  cache 30
}
`;
  for (const object of [...rights(), config(corefile), deployment(reference), service(given.address)])
    await cluster.apply(object);
}

const inNamespace = { name: NAME, namespace: DNS_NAMESPACE };

function rights(): readonly object[] {
  const rbac = 'rbac.authorization.k8s.io';
  const name = `system:${NAME}`;
  const reads = { verbs: ['list', 'watch'] };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inNamespace },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name },
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], ...reads },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], ...reads },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', ...inNamespace }],
    },
  ];
}

function config(corefile: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: inNamespace, data: { Corefile: corefile } };
}

function deployment(image: string): object {
  const spread = {
    topologyKey: 'kubernetes.io/hostname',
    maxSkew: 1,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: LABELS },
  };
  const container = {
    name: NAME,
    image,
    args: ['-conf', '/etc/coredns/Corefile'],
    // The kubelet asks every ten seconds, and three times, before it believes that a pod does not answer.
    readinessProbe: { httpGet: { path: '/ready', port: 8_181 } },
    volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...inNamespace, labels: LABELS },
    spec: {
      replicas: 2,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: NAME,
          dnsPolicy: 'Default',
          priorityClassName: 'system-cluster-critical',
          topologySpreadConstraints: [spread],
          containers: [container],
          volumes: [{ name: 'config', configMap: { name: NAME } }],
        },
      },
    },
  };
}

function service(clusterIP: string): object {
  const port = (name: string, protocol: string) => ({ name, port: 53, targetPort: PORT, protocol });
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: DNS_NAMESPACE, labels: LABELS },
    spec: { clusterIP, selector: LABELS, ports: [port('dns', 'UDP'), port('dns-tcp', 'TCP')] },
  };
}
