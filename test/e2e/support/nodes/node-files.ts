import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a node is, and where its files are. */
export interface NodePlan {
  readonly name: string;
  readonly address: string;
  /** Of its pods, as `10.244.1.0/24`. */
  readonly podSubnet: string;
  readonly folder: string;
}

/** What all nodes of a cluster share. */
export interface NodeContext {
  /** Host and port, as image references name it; it speaks plain http. */
  readonly registry: string;
  /** Where containerd pulls images of further registries from: the host in their names → the file `hosts.toml`. */
  readonly places: Readonly<Record<string, string>>;
  readonly pauseImage: string;
  /** PEM of the authority of the cluster. */
  readonly caPem: string;
  readonly clusterDns: string;
  /** Makes a kubeconfig for a user. */
  readonly kubeconfigOf: (commonName: string, organization?: string) => Promise<string>;
}

/** The network of the nodes, in namespaces that the test made, and the name by which they and their pods know the registry there. */
export const CONTROL_PLANE = '192.168.77.1';
export const REGISTRY_NAME = 'registry.test';
/** Where Debian's package containernetworking-plugins puts them. */
export const CNI_PLUGINS = '/usr/lib/cni';
/** Of the pods of all nodes. */
const POD_SUBNETS = '10.244.0.0/16';

/** Writes the configuration of containerd, the kubelet, kube-proxy and the pod network of a node. */
export async function writeNodeFiles(plan: NodePlan, around: NodeContext): Promise<void> {
  const { name, folder } = plan;
  const places = Object.entries({ [around.registry]: hostsToml(around.registry), ...around.places });
  const folders = places.map(([host]) => join(folder, 'certs.d', host));
  await Promise.all([...folders, join(folder, 'cni')].map((path) => mkdir(path, { recursive: true })));
  const files: Readonly<Record<string, string>> = {
    ...Object.fromEntries(places.map(([host, text]) => [join('certs.d', host, 'hosts.toml'), text])),
    [join('cni', '10-pods.conflist')]: JSON.stringify(podNetwork(plan)),
    'containerd.toml': containerdToml(plan, around),
    'kubelet.json': JSON.stringify(kubelet(plan, around)),
    'kubelet.kubeconfig': await around.kubeconfigOf(`system:node:${name}`, 'system:nodes'),
    'kube-proxy.json': JSON.stringify(kubeProxy(plan)),
    'kube-proxy.kubeconfig': await around.kubeconfigOf('system:kube-proxy'),
    'ca.crt': around.caPem,
    // Pods with dnsPolicy Default find no server: nothing here needs one.
    'resolv.conf': '',
  };
  await Promise.all(Object.entries(files).map(([path, text]) => writeFile(join(folder, path), text)));
}

/** Where containerd pulls from: a host, and what it asks when that host does not give the image, or the same. */
export function hostsToml(host: string, server = host): string {
  return `server = "http://${server}"\n[host."http://${host}"]\n  capabilities = ["pull", "resolve"]\n`;
}

function podNetwork({ podSubnet }: NodePlan): object {
  const ipam = { type: 'host-local', ranges: [[{ subnet: podSubnet }]] };
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isDefaultGateway: true,
    hairpinMode: true,
    ipMasq: false,
    ipam,
  };
  return { cniVersion: '1.0.0', name: 'pods', plugins: [bridge] };
}

function containerdToml({ folder }: NodePlan, { pauseImage }: NodeContext): string {
  return `
version = 3
root = '${folder}/containerd'
state = '/run/containerd'
[grpc]
  address = '/run/containerd/containerd.sock'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${pauseImage}'
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '${folder}/certs.d'
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['${CNI_PLUGINS}']
  conf_dir = '${folder}/cni'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
}

function kubelet({ folder }: NodePlan, { clusterDns }: NodeContext): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(folder, 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    // A container that is itself restricted may not lower it.
    oomScoreAdj: 0,
    resolvConf: join(folder, 'resolv.conf'),
    clusterDNS: [clusterDns],
    clusterDomain: 'cluster.local',
    volumePluginDir: join(folder, 'volume-plugins'),
    // A full disk of the machine is no reason to evict anything here.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 99,
    imageGCLowThresholdPercent: 98,
    serializeImagePulls: false,
  };
}

function kubeProxy({ name, address, folder }: NodePlan): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: join(folder, 'kube-proxy.kubeconfig') },
    hostnameOverride: name,
    bindAddress: address,
    clusterCIDR: POD_SUBNETS,
    mode: 'nftables',
    oomScoreAdj: 0,
    // These are settings of the whole machine.
    conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    healthzBindAddress: `${address}:10256`,
    metricsBindAddress: '127.0.0.1:10249',
  };
}
