import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requirePrograms } from '../programs/ensure.ts';
import { freePort } from '../programs/ports.ts';
import { startProcess } from '../programs/process.ts';
import { openWorkspace, type Workspace } from '../programs/workspace.ts';

/** A third-party registry, on plain http. */
export interface Registry {
  /** Host and port, as the beginning of an image reference. */
  readonly host: string;
  /** What it has logged so far. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** A place of a registry that more than loopback reaches: all addresses of this network, by a name. */
export interface RegistryPlace {
  readonly name: string;
  readonly port: number;
}

/** olareg: all in memory, **with** the referrers API; tags, manifests and blobs can be deleted. */
export async function startOlareg(place?: RegistryPlace): Promise<Registry> {
  const { olareg } = await requirePrograms(['olareg']);
  const launch = async (_workspace: Workspace, port: number): Promise<Launch> => ({
    command: olareg,
    args: [
      'serve',
      `--addr=${place ? '0.0.0.0' : '127.0.0.1'}`,
      `--port=${port}`,
      '--store-type=mem',
      '--api-delete',
      '--api-blob-delete',
      // No garbage collection during a test.
      '--gc-frequency=-1s',
    ],
  });
  return startRegistry('olareg', launch, place);
}

/** The endpoint that distribution notifies of pushes, with headers that identify it. */
export interface Listener {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** distribution, the reference registry: **without** the referrers API; manifests and blobs can be deleted. */
export function startDistribution(listeners: readonly Listener[] = []): Promise<Registry> {
  return distribution(listeners, false);
}

/** The same under maintenance: it can be read, and every write is refused. */
export function startReadOnlyDistribution(): Promise<Registry> {
  return distribution([], true);
}

/** A registry without space for a large blob until a test adds some. */
export interface FullRegistry extends Registry {
  /** Starts it again with its content, and without the limit. */
  makeRoom(): Promise<void>;
}

/** Largest file of {@link startFullDistribution} in blocks of 512 bytes: manifests fit, a layer of a megabyte does not. */
const FULL_BLOCKS = 512;
/** A Go program continues when it writes more, and receives the error that the file is too large. */
const FULL = `trap '' XFSZ; ulimit -f ${String(FULL_BLOCKS)}; exec "$0" "$@"`;

/** distribution on a disk that is nearly full. A limit for its files replaces the disk, because that needs no privileges. */
export async function startFullDistribution(): Promise<FullRegistry> {
  const { registry } = await requirePrograms(['registry']);
  const workspace = await openWorkspace('full');
  try {
    const port = await freePort();
    const launch = await distributionIn(workspace, port, { registry, listeners: [], readOnly: false });
    const full = { ...launch, command: '/bin/sh', args: ['-c', FULL, launch.command, ...launch.args] };
    const start = (one: Launch, name: string) =>
      startProcess({ workspace, name, ready: () => answers(port), ...one });
    let running = await start(full, 'full');
    return {
      host: `127.0.0.1:${port}`,
      log: () => running.log(),
      makeRoom: async () => {
        await running.kill();
        running = await start(launch, 'roomy');
      },
      stop: () => workspace.close(),
    };
  } catch (error) {
    await workspace.close();
    throw error;
  }
}

async function distribution(listeners: readonly Listener[], readOnly: boolean): Promise<Registry> {
  const { registry } = await requirePrograms(['registry']);
  return startRegistry('distribution', (workspace, port) =>
    distributionIn(workspace, port, { registry, listeners, readOnly }),
  );
}

interface Distribution {
  readonly registry: string;
  readonly listeners: readonly Listener[];
  readonly readOnly: boolean;
}

async function distributionIn(
  workspace: Workspace,
  port: number,
  { registry, listeners, readOnly }: Distribution,
): Promise<Launch> {
  const config = {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: join(workspace.memory, 'registry') },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false }, readonly: { enabled: readOnly } },
    },
    http: { addr: `127.0.0.1:${port}` },
    ...(listeners.length > 0 && {
      notifications: {
        endpoints: listeners.map((listener) => ({
          ...listener,
          timeout: '2s',
          threshold: 3,
          backoff: '200ms',
        })),
      },
    }),
  };
  const path = join(workspace.folder, 'distribution.yml');
  // JSON is YAML.
  await writeFile(path, JSON.stringify(config));
  // Otherwise it connects to a trace collector on port 4318.
  return { command: registry, args: ['serve', path], env: { OTEL_TRACES_EXPORTER: 'none' } };
}

interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function startRegistry(
  name: string,
  prepare: (workspace: Workspace, port: number) => Promise<Launch>,
  place?: RegistryPlace,
): Promise<Registry> {
  const workspace = await openWorkspace(name);
  try {
    const port = place?.port ?? (await freePort());
    const host = `${place?.name ?? '127.0.0.1'}:${port}`;
    const ready = () => answers(port);
    const { log } = await startProcess({ workspace, name, ready, ...(await prepare(workspace, port)) });
    return { host, log, stop: () => workspace.close() };
  } catch (error) {
    await workspace.close();
    throw error;
  }
}

async function answers(port: number): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${port}/v2/`)).ok;
}
