import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { parse, stringify } from 'yaml';
import { startBalancer } from '../cluster/balancer.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { runCommand, type Outcome } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';
import { beginRelease } from './start-release.ts';
import { tokenKubeconfig } from '../cluster/pki.ts';
import { freePort } from '../programs/ports.ts';
import { startProcess } from '../programs/process.ts';
import { until } from '../wait.ts';
import { PRODUCT } from '../programs/product.ts';
import { openWorkspace, type Workspace } from '../programs/workspace.ts';

const project = join(import.meta.dirname, '..', '..', '..', '..');
const chart = join(project, 'charts', 'pratique');

/** The namespace of the release. */
export const NAMESPACE = 'pratique';

/** One replica: a process that does what the chart's Deployment would start, with the rights of its ServiceAccount. */
export interface Replica {
  readonly name: string;
  /** Where it listens for reviews: `https://127.0.0.1:PORT`, past the Service. */
  readonly url: string;
  /** What its probes and metrics answer. */
  page(path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** The fingerprint of the certificate with which it serves at this moment. */
  certificate(): Promise<string>;
  log(): Promise<string>;
  /** SIGTERM, as the kubelet ends a pod; its exit code. */
  stop(): Promise<number>;
  /** SIGKILL, as when a node fails. */
  kill(): Promise<void>;
}

/** The chart, installed, with replicas behind its Service. */
export interface Installation {
  readonly namespace: string;
  /** Runs helm; a code other than 0 is an answer. */
  helm(args: readonly string[]): Promise<Outcome>;
  /** Runs a command of the product, with the ServiceAccount's rights unless another kubeconfig is given. */
  pratique(args: readonly string[], kubeconfigPath?: string): Promise<Outcome>;
  /** Starts one more replica and returns when it is ready. */
  start(name: string): Promise<Replica>;
  stop(): Promise<void>;
}

/** Options of an installation. */
export interface InstallOptions {
  /** Values on top of the chart's own; `settings` reach the product as they are. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** Replaces the Secret `registries.dockerConfigSecret`: the controller's own logins, as a Docker config. */
  readonly dockerConfig?: object;
  /** External mode: nothing runs in the cluster, the API server calls a URL; replicas get settings that a person would write. */
  readonly external?: true;
  /** The address on which events are received, with `settings.events.receivers`. */
  readonly eventsListen?: string;
  /** Replaces `controller.extraEnv`: variables of the replicas. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The settings of a process outside of the cluster. */
const OUTSIDE: Readonly<Record<string, unknown>> = {
  cluster: { name: 'pratique', namespace: NAMESPACE },
  certificates: { hosts: ['127.0.0.1'] },
};
/** Milliseconds between two readiness checks: five times as often as kubelets do. */
const LOOK_MS = 200;
const READY_WITHIN_MS = 60_000;

/**
 * Installs the chart as shipped. Two parts replace what a control plane without nodes lacks: the Service is an
 * ExternalName to localhost, behind which a balancer follows readiness; and replicas are processes of ours, with the settings
 * file of the chart's ConfigMap, in which only the addresses to listen on are others.
 */
export async function install(
  cluster: Cluster,
  { values = {}, dockerConfig, external, eventsListen, environment }: InstallOptions = {},
): Promise<Installation> {
  const { helm: helmProgram } = await requirePrograms(['helm']);
  const workspace = await openWorkspace('installation');
  const port = await freePort();
  const balancer = await startBalancer(port);
  const running = new Map<string, { readonly replica: Replica; readonly port: number }>();
  const helm = (args: readonly string[]): Promise<Outcome> =>
    runCommand({
      command: helmProgram,
      args: [...args, '--kubeconfig', cluster.kubeconfigPath, '--namespace', NAMESPACE],
      env: {
        HELM_CACHE_HOME: workspace.folder,
        HELM_CONFIG_HOME: workspace.folder,
        HELM_DATA_HOME: workspace.folder,
      },
    });
  const look = setInterval(() => {
    void Promise.all(
      [...running.values()].map(async (one) => ((await isReady(one.replica)) ? [one.port] : [])),
    ).then((ports) => {
      balancer.setBackends(ports.flat());
    });
  }, LOOK_MS);
  const stop = async (): Promise<void> => {
    clearInterval(look);
    await Promise.all([...running.values()].map(({ replica }) => replica.kill()));
    await balancer.stop();
    await workspace.close();
  };
  try {
    if (dockerConfig) await writeDockerConfig(workspace, dockerConfig);
    const valuesFile = join(workspace.folder, 'values.yaml');
    const address = external ? { url: `https://127.0.0.1:${port}` } : { servicePort: port };
    const webhook = { ...address, ...(values.webhook as object | undefined) };
    const outside = external && { controller: { enabled: false } };
    await writeFile(valuesFile, stringify({ ...values, ...outside, webhook }));
    const installed = await beginRelease({
      install: () => helm(['install', 'pratique', chart, '--create-namespace', '--values', valuesFile]),
      uninstall: () => helm(['uninstall', 'pratique']),
    });
    if (installed.code !== 0)
      throw new Error(`helm install ended with ${installed.code}: ${installed.stderr}`);
    if (!external) await standInForKubeProxy(cluster, port);
    const kubeconfig = await serviceAccountConfig(cluster, workspace);
    const settings = withEvents(external ? OUTSIDE : await settingsOf(cluster), eventsListen);
    const pratique = (args: readonly string[]): Promise<Outcome> =>
      runCommand({ command: process.execPath, args: [PRODUCT, ...args], env: homeIn(workspace) });
    return {
      namespace: NAMESPACE,
      helm,
      pratique: (args, path = kubeconfig) => pratique([...args, '--kubeconfig', path]),
      start: async (name) => {
        const started = await startReplica({ workspace, name, kubeconfig, settings, environment });
        running.set(name, started);
        const forget = async <T>(ending: Promise<T>): Promise<T> => {
          const ended = await ending;
          running.delete(name);
          return ended;
        };
        const { replica } = started;
        return { ...replica, stop: () => forget(replica.stop()), kill: () => forget(replica.kill()) };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function isReady(replica: Replica): Promise<boolean> {
  try {
    return (await replica.page('/readyz')).status === 200;
  } catch {
    return false; // starting or gone: no endpoint
  }
}

async function standInForKubeProxy(cluster: Cluster, port: number): Promise<void> {
  const deleted = await cluster.kubectl(['delete', 'service', 'pratique-webhook', '-n', NAMESPACE, '--wait']);
  if (deleted.code !== 0) throw new Error(deleted.stderr);
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'pratique-webhook', namespace: NAMESPACE },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ name: 'webhook', port }] },
  });
}

/** A kubeconfig with a token of the release's ServiceAccount. */
async function serviceAccountConfig(cluster: Cluster, workspace: Workspace): Promise<string> {
  const token = await cluster.kubectl(['create', 'token', 'pratique', '-n', NAMESPACE, '--duration=2h']);
  if (token.code !== 0) throw new Error(token.stderr);
  const path = join(workspace.folder, 'service-account.kubeconfig');
  await writeFile(path, tokenKubeconfig(cluster.server, cluster.caPem, token.stdout.trim()), { mode: 0o600 });
  return path;
}

async function settingsOf(cluster: Cluster): Promise<Readonly<Record<string, unknown>>> {
  const read = await cluster.kubectl(['get', 'configmap', 'pratique', '-n', NAMESPACE, '-o', 'json']);
  if (read.code !== 0) throw new Error(read.stderr);
  const { data } = JSON.parse(read.stdout) as { data: Record<string, string> };
  return parse(data['settings.yaml'] ?? '') as Record<string, unknown>;
}

function withEvents(
  settings: Readonly<Record<string, unknown>>,
  listen: string | undefined,
): Readonly<Record<string, unknown>> {
  return listen === undefined
    ? settings
    : { ...settings, events: { ...(settings.events as object | undefined), listen } };
}

function homeIn(workspace: Workspace): Readonly<Record<string, string>> {
  return { HOME: workspace.folder, DOCKER_CONFIG: join(workspace.folder, 'docker') };
}

async function writeDockerConfig(workspace: Workspace, config: object): Promise<void> {
  const { DOCKER_CONFIG: folder = '' } = homeIn(workspace);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config), { mode: 0o600 });
}

async function startReplica(given: {
  readonly workspace: Workspace;
  readonly name: string;
  readonly kubeconfig: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>> | undefined;
}): Promise<{ readonly replica: Replica; readonly port: number }> {
  const { workspace, name, kubeconfig, settings, environment } = given;
  const [port, probes] = [await freePort(), await freePort()];
  const file = join(workspace.folder, `${name}.yaml`);
  const webhook = { ...(settings.webhook as object), listen: `127.0.0.1:${port}` };
  await writeFile(file, stringify({ ...settings, webhook, operations: { listen: `127.0.0.1:${probes}` } }));
  const page = async (path: string): Promise<{ status: number; body: string }> => {
    const answer = await fetch(`http://127.0.0.1:${probes}${path}`);
    return { status: answer.status, body: await answer.text() };
  };
  const running = await startProcess({
    workspace,
    name,
    command: process.execPath,
    args: [PRODUCT, 'serve', '--settings', file, '--kubeconfig', kubeconfig],
    env: { ...homeIn(workspace), ...environment, POD_NAME: name },
    withinMs: READY_WITHIN_MS,
    ready: async () => (await page('/readyz')).status === 200,
  });
  const { log, stop, kill } = running;
  return {
    port,
    replica: {
      name,
      url: `https://127.0.0.1:${port}`,
      page,
      certificate: () => servedAt(port),
      log,
      stop,
      kill,
    },
  };
}

/** On a new connection, because an open connection keeps its first certificate. */
function servedAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Waits until the API server calls the webhook: a refused canary image shows it. */
export async function untilGuarded(cluster: Cluster, namespace = 'default'): Promise<void> {
  const digest = `sha256:${'0'.repeat(64)}`;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'is-it-guarded', namespace },
    spec: { containers: [{ name: 'main', image: `self-test.pratique.invalid/canary@${digest}` }] },
  };
  await until({
    what: 'the webhook in force',
    withinMs: READY_WITHIN_MS,
    check: async () => {
      const args = ['create', '--dry-run=server', '-f', '-'];
      const { stderr } = await cluster.kubectl(args, { input: JSON.stringify(pod) });
      return stderr.includes('pratique-self-test');
    },
  });
}
