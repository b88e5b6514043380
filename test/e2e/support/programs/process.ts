import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../wait.ts';
import { hasEnded, killAndWait, type Workspace } from './workspace.ts';

export interface ProcessStart {
  readonly workspace: Workspace;
  /** Names its log file and the process in errors. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** True when it can be used; an exception means "not yet". */
  readonly ready: () => Promise<boolean>;
  readonly withinMs?: number;
}

export interface RunningProcess {
  readonly pid: number;
  /** All it has printed so far. */
  log(): Promise<string>;
  /** Sends SIGTERM, and SIGKILL after a while. Returns its exit code, -1 if by a signal. */
  stop(): Promise<number>;
  /** SIGKILL at once, for a program without cleanup. */
  kill(): Promise<void>;
}

/** A start takes a second or three; the rest is for a busy machine. */
const READY_WITHIN_MS = 60_000;
/** The default grace period of a pod in Kubernetes. */
const GRACE_MS = 30_000;
const TAIL_LINES = 20;

/** Starts a program and returns when it is ready. @throws with the end of its log if it dies or is late. */
export async function startProcess(start: ProcessStart): Promise<RunningProcess> {
  const { workspace, name, ready, withinMs = READY_WITHIN_MS } = start;
  const logFile = join(workspace.folder, `${name}.log`);
  const child = await spawnLogged(start, logFile);
  const log = (): Promise<string> => readFile(logFile, 'utf8');
  const death = new AbortController();
  const onExit = (): void => death.abort(new Error(`${name} ended with ${describeEnd(child)}`));
  child.once('exit', onExit);
  try {
    if (hasEnded(child)) onExit();
    await until({ what: `${name} ready`, withinMs, check: ready, signal: death.signal });
  } catch (error) {
    await killAndWait(child);
    const tail = (await log()).trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
    throw new Error(`${name} did not start: ${(error as Error).message}; its log ends with\n${tail}`, {
      cause: error,
    });
  }
  return { pid: child.pid ?? -1, log, stop: () => terminate(child), kill: () => killAndWait(child) };
}

async function spawnLogged(start: ProcessStart, logFile: string): Promise<ChildProcess> {
  const log = await open(logFile, 'a');
  try {
    const child = spawn(start.command, start.args, {
      cwd: start.workspace.folder,
      env: { ...process.env, ...start.env },
      // A separate group: Ctrl-C reaches only this process, which ends the group with all its children.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const spawned = once(child, 'spawn');
    if (child.pid !== undefined) start.workspace.adopt(child);
    await spawned;
    return child;
  } finally {
    await log.close();
  }
}

async function terminate(child: ChildProcess): Promise<number> {
  if (!hasEnded(child)) {
    child.ref();
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const patience = new AbortController();
    await Promise.race([
      exited,
      sleep(GRACE_MS, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
    await killAndWait(child);
  }
  return child.exitCode ?? -1;
}

function describeEnd(child: ChildProcess): string {
  return child.signalCode ?? `code ${child.exitCode}`;
}
