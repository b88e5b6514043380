import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requirePrograms } from '../../test/e2e/support/programs/ensure.ts';
import { freePort } from '../../test/e2e/support/programs/ports.ts';
import { startProcess } from '../../test/e2e/support/programs/process.ts';
import type { Workspace } from '../../test/e2e/support/programs/workspace.ts';
import { figuresOf } from '../figures.ts';
import { imageVariables } from '../image-variables.ts';

/** A program that answers pulls. */
export interface Program {
  readonly name: string;
  readonly pid: number;
  /** Up to the name of a repository: `http://127.0.0.1:5000/v2/`. */
  readonly base: string;
  readonly stop: () => Promise<unknown>;
}

/** Starts a script of this folder as a process with a channel. */
export function start(file: string): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return fork(path, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** Sends a message and awaits the next one. Throws when the process ends instead. */
export async function ask<T>(child: ChildProcess, message: object | string): Promise<T> {
  const done = new AbortController();
  const { signal } = done;
  const exit = once(child, 'exit', { signal }).then(() => {
    throw new Error('a process of the benchmark ended');
  });
  exit.catch(() => undefined); // also when there is nothing to wait for any more
  const answer = once(child, 'message', { signal });
  child.send(message);
  const [first] = (await Promise.race([answer, exit])) as [T];
  done.abort();
  return first;
}

const bundle = fileURLToPath(new URL('../../dist/bundle/pratique.js', import.meta.url));

/** The bundled gate, as the image starts it, in front of a registry. */
export async function startGate(
  workspace: Workspace,
  {
    name,
    registry,
    pems,
    gate = {},
  }: {
    readonly name: string;
    readonly registry: string;
    /** Public keys: images need a signature by one of them, no flag, and an end of life that is not past. */
    readonly pems: readonly string[];
    /** More of the block `gate` of the settings. */
    readonly gate?: object;
  },
): Promise<Program> {
  const [port, probes] = [await freePort(), await freePort()];
  const policies = join(workspace.folder, `${name}-policies`);
  const settings = join(workspace.folder, `${name}.json`);
  const authorities = pems.map((pem, index) => ({ name: `key-${index}`, key: { pem } }));
  const from = authorities.map((one) => one.name);
  const spec = {
    ...{ match: { images: ['**'] }, authorities },
    require: { signatures: { from }, quarantine: {}, lifecycle: {} },
  };
  await mkdir(policies);
  await writeFile(
    join(policies, 'signed.json'),
    JSON.stringify({
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePolicy',
      metadata: { name: 'signed' },
      spec,
    }),
  );
  const upstreams = [{ match: ['registry.example.com/**'], registry }];
  await writeFile(
    settings,
    JSON.stringify({
      gate: { listen: `127.0.0.1:${port}`, upstreams, ...gate },
      operations: { listen: `127.0.0.1:${probes}` },
    }),
  );
  const running = await startProcess({
    ...{ workspace, name, command: process.execPath },
    args: [bundle, 'gate', '--settings', settings, '--policies', policies],
    env: { ...(await imageVariables()), HOME: workspace.folder },
    ready: async () => (await fetch(`http://127.0.0.1:${probes}/readyz`)).ok,
  });
  return {
    name,
    pid: running.pid,
    stop: () => running.stop(),
    base: `http://127.0.0.1:${port}/v2/registry.example.com/`,
  };
}

const PROXIES = {
  distribution: (registry: string, port: number, folder: string) => ({
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: folder } },
    http: { addr: `127.0.0.1:${port}` },
    proxy: { remoteurl: `http://${registry}` },
  }),
  zot: (registry: string, port: number, folder: string) => ({
    distSpecVersion: '1.1.1',
    storage: { rootDirectory: folder },
    http: { address: '127.0.0.1', port: String(port) },
    log: { level: 'error' },
    extensions: {
      sync: {
        enable: true,
        registries: [
          { urls: [`http://${registry}`], onDemand: true, tlsVerify: false, content: [{ prefix: '**' }] },
        ],
      },
    },
  }),
} as const;

/** Another program that passes pulls on, and stores what comes; `undefined` where it is not on this machine. */
export async function startProxy(
  workspace: Workspace,
  name: keyof typeof PROXIES,
  registry: string,
): Promise<Program | undefined> {
  const command =
    name === 'distribution' ? (await requirePrograms(['registry'])).registry : await onPath(name);
  if (command === undefined) return undefined;
  const port = await freePort();
  const config = join(workspace.folder, `${name}-proxy.json`);
  const folder = join(workspace.memory, `${name}-proxy`);
  // JSON is YAML.
  await writeFile(config, JSON.stringify(PROXIES[name](registry, port, folder)));
  const running = await startProcess({
    ...{ workspace, name: `${name}-proxy`, command, args: ['serve', config] },
    env: { OTEL_TRACES_EXPORTER: 'none' },
    ready: async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok,
  });
  return { name, pid: running.pid, stop: () => running.stop(), base: `http://127.0.0.1:${port}/v2/` };
}

function onPath(name: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = spawn(name, ['--version'], { stdio: 'ignore' });
    asked.once('error', () => resolve(undefined)).once('exit', () => resolve(name));
  });
}

/** The most resident memory of a process in MiB while something is done, looked at every few milliseconds. */
export async function peakDuring<T>(pid: number, work: () => Promise<T>): Promise<readonly [T, number]> {
  let peak = 0;
  const looks = setInterval(() => {
    peak = Math.max(peak, figuresOf(pid).residentMiB);
  }, 20);
  try {
    return [await work(), peak];
  } finally {
    clearInterval(looks);
  }
}
