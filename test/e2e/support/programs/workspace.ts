import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { Socket } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

/**
 * A temporary folder and the processes that live in it. Both are removed together: on close, when this process
 * ends in any way, and, by a watchdog, even when it is killed outright.
 */
export interface Workspace {
  readonly folder: string;
  /** A folder in memory where there is room for it, for data that is not read later. */
  readonly memory: string;
  /** Makes a child, which has to lead its own process group, end with the workspace. */
  adopt(child: ChildProcess): void;
  close(): Promise<void>;
}

/** etcd allocates 64 MiB at once and a default container has no more than that in /dev/shm. */
const MIN_MEMORY_BYTES = 512 * 1024 * 1024;

/**
 * Reads which process groups began and ended until its input ends, be it that we close it or that we are
 * killed; then ends what is left and removes the folders. A shell, because it costs a megabyte and two
 * milliseconds. The second removal is for files written by a process that took a moment to die.
 */
const WATCHDOG = `
trap '' INT TERM HUP
groups=' '
while read -r verb group; do
  case $verb in
    began) groups="$groups$group " ;;
    ended) groups="\${groups%%" $group "*} \${groups#*" $group "}" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
rm -rf -- "$@" || { sleep 1; rm -rf -- "$@"; }
`;

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Opens a workspace. With PRATIQUE_E2E_KEEP set its folder, with all logs, is left and its path printed. */
export async function openWorkspace(name: string): Promise<Workspace> {
  const folder = mkdtempSync(join(tmpdir(), `pratique-e2e-${name}-`));
  const memory = mkdtempSync(join(await memoryFolder(), `pratique-e2e-${name}-`));
  const keep = Boolean(process.env.PRATIQUE_E2E_KEEP);
  if (keep) console.error(`e2e: logs of ${name} are in ${folder}`);
  const folders = keep ? [memory] : [memory, folder];
  const watchdog = startWatchdog(folders);
  const children = new Set<ChildProcess>();

  const endAtOnce = (): void => {
    for (const child of children) killGroup(child);
    for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  };
  const endOnSignal = (signal: NodeJS.Signals): void => process.exit(128 + constants.signals[signal]);
  process.once('exit', endAtOnce);
  for (const signal of endings) process.once(signal, endOnSignal);

  return {
    folder,
    memory,
    adopt(child) {
      children.add(child);
      watchdog.write(`began ${child.pid}\n`);
      child.once('exit', () => {
        children.delete(child);
        // What it started itself does not outlive it.
        if (child.pid !== undefined) signalGroup(child.pid);
        if (watchdog.writable) watchdog.write(`ended ${child.pid}\n`);
      });
      // A test run that forgets to close ends all the same, and ends the child with it.
      child.unref();
    },
    async close() {
      await Promise.all([...children].map(killAndWait));
      await Promise.all(folders.map((path) => rm(path, { recursive: true, force: true, maxRetries: 5 })));
      watchdog.end();
      process.off('exit', endAtOnce);
      for (const signal of endings) process.off(signal, endOnSignal);
    },
  };
}

/** Ends a child's whole process group and returns when the child is gone. */
export async function killAndWait(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const exited = once(child, 'exit');
  killGroup(child);
  await exited;
}

/** Whether a child is gone, by itself or by a signal. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && !hasEnded(child)) signalGroup(child.pid);
}

function signalGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    // The group has no process any more; macOS returns EPERM when its only process has ended already.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

function startWatchdog(folders: readonly string[]): Writable {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', ...folders], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without its watchdog a run still cleans up after every end but SIGKILL: no reason to fail a test.
  watchdog.stdin.on('error', (error) => console.error(`e2e: the watchdog is gone: ${error.message}`));
  watchdog.unref();
  // Nor does the pipe to it keep us from ending; it is a socket, which its type does not say.
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return watchdog.stdin;
}

async function memoryFolder(): Promise<string> {
  const candidate = '/dev/shm';
  const room = await statfs(candidate).catch(() => undefined);
  return room !== undefined && room.bavail * room.bsize > MIN_MEMORY_BYTES ? candidate : tmpdir();
}
