import { readFile, readdir } from 'node:fs/promises';

/**
 * Signals a program of a pod. The processes of all nodes are among ours: a pod is found by its UID in the name of the cgroup.
 * @throws when no process of the pod has this in its command line.
 */
export async function signalPod(uid: string, program: string, signal: NodeJS.Signals): Promise<void> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(numbers.map(async (pid) => ((await isOf(pid, uid, program)) ? [pid] : [])));
  const pids = found.flat();
  if (pids.length === 0) throw new Error(`no process of pod ${uid} runs ${program}`);
  for (const pid of pids) process.kill(Number(pid), signal);
}

async function isOf(pid: string, uid: string, program: string): Promise<boolean> {
  // A process that has ended meanwhile has no files.
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  return (await read('cgroup')).includes(uid) && (await read('cmdline')).includes(program);
}
