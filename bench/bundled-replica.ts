import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Cluster } from '../test/e2e/support/cluster/cluster.ts';
import { NAMESPACE } from '../test/e2e/support/installation/installation.ts';
import { tokenKubeconfig } from '../test/e2e/support/cluster/pki.ts';
import { freePort } from '../test/e2e/support/programs/ports.ts';
import { startProcess } from '../test/e2e/support/programs/process.ts';
import { openWorkspace } from '../test/e2e/support/programs/workspace.ts';
import { imageVariables } from './image-variables.ts';

/** The bundled program, as the image starts it, with the chart's settings and rights. */
export interface BundledReplica {
  readonly pid: number;
  /** Where it listens for reviews: `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** What a metric comes to over all its labels, or those that have this one; `undefined` when there is none. */
  readonly metric: (name: string, label?: string) => Promise<number | undefined>;
  readonly stop: () => Promise<void>;
}

const program = new URL('../dist/bundle/pratique.js', import.meta.url).pathname;

/**
 * Starts it where the chart is installed, on ports that are free; returns as soon as it answers its first probe. Its variables are
 * those of the image and the chart, but for what is `changed`.
 */
export async function startBundled(
  cluster: Cluster,
  changed: Readonly<Record<string, string>> = {},
): Promise<BundledReplica> {
  const read = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl([...args, '-n', NAMESPACE]);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };
  const token = await read('create', 'token', 'pratique', '--duration=2h');
  const map = JSON.parse(await read('get', 'configmap', 'pratique', '-o', 'json')) as {
    readonly data: Readonly<Record<string, string>>;
  };
  const settings = parse(map.data['settings.yaml'] ?? '') as Readonly<Record<string, object>>;
  const env = variablesOf(await read('get', 'deployment', 'pratique', '-o', 'json'));
  const workspace = await openWorkspace('bundled');
  const [port, probes] = [await freePort(), await freePort()];
  const inFolder = async (name: string, text: string): Promise<string> => {
    const path = join(workspace.folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const listening = {
    ...settings,
    webhook: { ...settings.webhook, listen: `127.0.0.1:${port}` },
    operations: { listen: `127.0.0.1:${probes}` },
  };
  const page = async (path: string) => (await fetch(`http://127.0.0.1:${probes}${path}`)).text();
  const kubeconfig = tokenKubeconfig(cluster.server, cluster.caPem, token.trim());
  try {
    const running = await startProcess({
      workspace,
      name: 'pratique',
      command: process.execPath,
      args: [
        ...[program, 'serve', '--settings', await inFolder('settings.yaml', stringify(listening))],
        ...['--kubeconfig', await inFolder('kubeconfig', kubeconfig)],
      ],
      env: { ...(await imageVariables()), HOME: workspace.folder, ...env, POD_NAME: 'bundled', ...changed },
      ready: async () => (await page('/healthz')) !== '',
    });
    return {
      pid: running.pid,
      url: `https://127.0.0.1:${port}`,
      metric: async (name, label = '') => sumOf(name, label, await page('/metrics')),
      stop: async () => {
        await running.stop();
        await workspace.close();
      },
    };
  } catch (error) {
    await workspace.close();
    throw error;
  }
}

/** The variables that the chart's Deployment sets by value. */
function variablesOf(json: string): Readonly<Record<string, string>> {
  const { spec } = JSON.parse(json) as {
    readonly spec: {
      readonly template: {
        readonly spec: {
          readonly containers: readonly { readonly env?: readonly { name: string; value?: string }[] }[];
        };
      };
    };
  };
  const env = spec.template.spec.containers[0]?.env ?? [];
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

function sumOf(name: string, label: string, metrics: string): number | undefined {
  const values = metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(label))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
