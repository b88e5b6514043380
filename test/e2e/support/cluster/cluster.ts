import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { runCommand, succeed, type Outcome } from '../programs/command.ts';
import { startApiserver, startControllerManager, startEtcd, type ControlPlane } from './control-plane.ts';
import { requirePrograms } from '../programs/ensure.ts';
import { createClusterPki, kubeconfig, type ClusterPki } from './pki.ts';
import { freePort } from '../programs/ports.ts';
import { until } from '../wait.ts';
import { openWorkspace } from '../programs/workspace.ts';

export interface ClusterOptions {
  /** More flags for kube-apiserver, as `--emulated-version=kube=1.35`. */
  readonly apiserverArgs?: readonly string[];
  /** An address that nodes reach, at which the API server is as well as on loopback. */
  readonly address?: string;
}

/** A real Kubernetes control plane on loopback, without nodes: pods are admitted and stay Pending. */
export interface Cluster {
  /** Path of an administrator's kubeconfig. */
  readonly kubeconfigPath: string;
  /** URL of the API server. */
  readonly server: string;
  readonly caPem: string;
  /** The same administrator for @kubernetes/client-node. */
  readonly client: KubeConfig;
  /** Runs kubectl; a code other than 0 is an answer. */
  kubectl(args: readonly string[], options?: { input?: string }): Promise<Outcome>;
  /** kubectl apply of an object, which has to succeed. */
  apply(object: object): Promise<void>;
  /** A kubeconfig of one more user, for where only the address of {@link ClusterOptions.address} is reached. */
  kubeconfigOf(commonName: string, organization?: string): Promise<string>;
  /** Creates a namespace and waits until pods can be created in it. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  /** Ends the API server at once, as a crash does; etcd and its data stay. */
  stopApiserver(): Promise<void>;
  /** Starts it again, on the same port, and returns when it is ready. */
  startApiserver(): Promise<void>;
  stop(): Promise<void>;
}

/** A new namespace gets its default ServiceAccount within some tens of milliseconds. */
const SERVICE_ACCOUNT_WITHIN_MS = 20_000;

/** Starts etcd, kube-apiserver and kube-controller-manager and returns when pods can be created. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const programs = await requirePrograms(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']);
  const workspace = await openWorkspace('cluster');
  try {
    const pki = await createClusterPki(workspace.folder, options.address);
    const [etcdPort, port] = await Promise.all([freePort(), freePort()]);
    const server = `https://127.0.0.1:${port}`;
    const plane: ControlPlane = { workspace, pki, programs, etcdPort, server };
    const apiserverArgs = [...argsFor(options.address, pki), ...(options.apiserverArgs ?? [])];
    let [, apiserver] = await Promise.all([startEtcd(plane), startApiserver(plane, apiserverArgs)]);
    await startControllerManager(plane);

    const config = kubeconfig(server, pki.ca, pki.admin);
    const kubeconfigPath = join(workspace.folder, 'admin.kubeconfig');
    await writeFile(kubeconfigPath, config, { mode: 0o600 });
    const client = new KubeConfig();
    client.loadFromString(config);

    const command = (args: readonly string[]) => ({
      command: programs.kubectl,
      args: [`--kubeconfig=${kubeconfigPath}`, `--cache-dir=${join(workspace.folder, 'kubectl')}`, ...args],
    });
    return {
      kubeconfigPath,
      server,
      caPem: pki.ca,
      client,
      kubectl: (args, { input } = {}) =>
        runCommand({ ...command(args), ...(input === undefined ? {} : { input }) }),
      apply: async (object) => {
        await succeed({ ...command(['apply', '-f', '-']), input: JSON.stringify(object) });
      },
      kubeconfigOf: async (commonName, organization) => {
        const reached = `https://${options.address ?? '127.0.0.1'}:${port}`;
        return kubeconfig(reached, pki.ca, await pki.issueUser(commonName, organization));
      },
      createNamespace: (name, labels = {}) => createNamespace(client.makeApiClient(CoreV1Api), name, labels),
      stopApiserver: () => apiserver.kill(),
      startApiserver: async () => {
        apiserver = await startApiserver(plane, apiserverArgs);
      },
      stop: () => workspace.close(),
    };
  } catch (error) {
    await workspace.close();
    throw error;
  }
}

/** Where nodes reach the API server, and what it needs to reach them. Later flags win over earlier ones. */
function argsFor(address: string | undefined, { file }: ClusterPki): readonly string[] {
  if (address === undefined) return [];
  return [
    '--bind-address=0.0.0.0',
    `--advertise-address=${address}`,
    '--endpoint-reconciler-type=lease',
    '--enable-admission-plugins=NodeRestriction',
    `--kubelet-client-certificate=${file('admin.crt')}`,
    `--kubelet-client-key=${file('admin.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
  ];
}

async function createNamespace(
  api: CoreV1Api,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  await api.createNamespace({ body: { metadata: { name, labels } } });
  await until({
    what: `default ServiceAccount of namespace ${name}`,
    withinMs: SERVICE_ACCOUNT_WITHIN_MS,
    check: async () => {
      await api.readNamespacedServiceAccount({ namespace: name, name: 'default' });
      return true;
    },
  });
}
