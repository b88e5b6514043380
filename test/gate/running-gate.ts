// The gate as `pratique gate` starts it, in this process, in front of embedded registries.
import { Readable } from 'node:stream';
import { createTools } from '../../src/serve/index.ts';
import { parseSettings } from '../../src/core/settings/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A gate that listens. */
export interface RunningGate {
  readonly url: string;
  /** Asks for a path below `/v2/`. */
  readonly get: (path: string, init?: RequestInit) => Promise<Response>;
  /** The log lines so far. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  readonly close: () => Promise<void>;
}

/**
 * Starts a gate with these policies (documents), or with those of the cluster of the settings, and this block of the settings; it
 * listens on a free port over http.
 */
export async function startGate(
  gate: Readonly<Record<string, unknown>>,
  policies: readonly object[] | 'of the cluster',
  more: Readonly<Record<string, unknown>> = {},
): Promise<RunningGate> {
  const isCluster = policies === 'of the cluster';
  const documents = isCluster ? [] : policies;
  const named = documents.map((policy, index) => [`policy-${String(index)}.yaml`, policy] as const);
  const folder = await temporaryFolder(Object.fromEntries(named));
  const log: Record<string, unknown>[] = [];
  const tools = createTools({
    version: 'test',
    environment: {},
    stdin: Readable.from([]),
    writeLog: (line) => void log.push(JSON.parse(line) as Record<string, unknown>),
  });
  const settings = parseSettings({ ...more, gate: { listen: '127.0.0.1:0', ...gate } });
  if (!settings.ok) throw new Error(JSON.stringify(settings.problems));
  const serving = await tools.gate?.(settings.value, isCluster ? undefined : folder.path);
  if (!serving?.ok) throw new Error(JSON.stringify(serving?.problems));
  const { url, close } = serving.value;
  return {
    url,
    log,
    get: (path, init) => fetch(`${url}/v2/${path}`, init),
    close: async () => {
      await close();
      await folder.remove();
    },
  };
}

/** Starts a gate with the policies and promotions of an API server over http, installed in the namespace `platform`. */
export async function startClusterGate(
  gate: Readonly<Record<string, unknown>>,
  server: string,
): Promise<RunningGate> {
  const kubeconfig = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'twin' },
    ...{ clusters: [{ name: 'twin', cluster: { server } }], users: [{ name: 'gate', user: {} }] },
    contexts: [{ name: 'twin', context: { cluster: 'twin', user: 'gate' } }],
  };
  const folder = await temporaryFolder({ kubeconfig });
  const cluster = { kubeconfig: `${folder.path}/kubeconfig`, namespace: 'platform' };
  const running = await startGate(gate, 'of the cluster', { cluster });
  return {
    ...running,
    close: async () => {
      await running.close();
      await folder.remove();
    },
  };
}
