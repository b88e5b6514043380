import { mkdir, readlink, rmdir, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, objectOf, parseShort, textOf } from '../../core/model/index.ts';
import { readWhole, type Disk } from './disk.ts';
import { checkTime, fault, faultOfSystem, type Doing } from './fault.ts';

/** Largest lock: it holds a process and a host. */
const MAX_LOCK_BYTES = 4 * 1024;
/** Pause before the index is tried again that another process is writing: it takes milliseconds. */
const LOCK_PAUSE_MS = 50;
/** Longest wait for it. */
const MAX_LOCK_WAIT_MS = 30_000;
/** The numbers of processes that this one sees: containers of one machine may share its name, and not these. */
const PROCESSES = '/proc/self/ns/pid';

/** Does something while no other process of ours writes the index. */
export async function locked(doing: Doing, disk: Disk, act: () => Promise<void>): Promise<void> {
  const path = join(disk.root, 'index.json.lock');
  const { lockWaitMs = MAX_LOCK_WAIT_MS } = disk;
  for (let waited = 0; !(await takeLock(doing, disk, path)); waited += LOCK_PAUSE_MS) {
    // Also for one that is left: what would break it may have died, too.
    if (waited >= lockWaitMs) throw await heldBy(doing, disk, path);
    if (await isLeft(doing, disk, path)) await breakLock(doing, disk, path);
    else await sleep(LOCK_PAUSE_MS, undefined, { signal: doing.signal }).catch(() => undefined);
    checkTime(doing);
  }
  try {
    await act();
  } finally {
    await unlink(path).catch(() => undefined);
  }
}

/** Puts the lock in place, or reports that another one is there. */
async function takeLock(doing: Doing, disk: Disk, path: string): Promise<boolean> {
  try {
    const file = await disk.open(path, 'wx');
    const holder = JSON.stringify({ pid: process.pid, host: hostname(), processes: await processesHere() });
    try {
      await file.writeFile(holder).finally(() => file.close());
    } catch (error) {
      // A full disk: without a name no one could take it over.
      await unlink(path).catch(() => undefined);
      throw error;
    }
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw faultOfSystem(doing, path, error);
  }
}

/** `undefined` where a system has no such thing. */
async function processesHere(): Promise<string | undefined> {
  return readlink(PROCESSES).catch(() => undefined);
}

/** Takes away the lock of a process that has ended. One process at a time does so: another one could take away the lock of the first. */
async function breakLock(doing: Doing, disk: Disk, path: string): Promise<void> {
  const breaking = `${path}.break`;
  try {
    await mkdir(breaking);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw faultOfSystem(doing, breaking, error);
    await sleep(LOCK_PAUSE_MS);
    return;
  }
  try {
    if (await isLeft(doing, disk, path)) await unlink(path);
  } finally {
    await rmdir(breaking).catch(() => undefined);
  }
}

async function holderOf(doing: Doing, disk: Disk, path: string) {
  const bytes = await readWhole(doing, disk, path, MAX_LOCK_BYTES);
  return objectOf(bytes && parseShort(bytes));
}

/** Whether the lock belongs to a process of this machine that has ended. */
async function isLeft(doing: Doing, disk: Disk, path: string): Promise<boolean> {
  const { pid, host, processes } = await holderOf(doing, disk, path);
  if (host !== hostname() || typeof pid !== 'number') return false;
  if (processes !== undefined && processes !== (await processesHere())) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'ESRCH';
  }
}

async function heldBy(doing: Doing, disk: Disk, path: string) {
  const { pid, host } = await holderOf(doing, disk, path);
  const holder = typeof pid === 'number' ? `process ${pid} of ${textOf(host)}` : 'a process';
  const detail = `${holder} writes the folder; delete ${path} and ${path}.break if no such process runs`;
  return fault(doing, 'RegistryUnavailable', detail, { transient: true });
}
