import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { requirePrograms } from '../test/e2e/support/programs/ensure.ts';

/** Another program that copies images. */
export interface Peer {
  readonly name: string;
  readonly command: string;
  /** The arguments that copy one tag to another with all that it can carry. */
  readonly args: (from: string, to: string) => readonly string[];
}

/** What a run of a whole process took; memory at its peak. */
export interface PeerRun {
  readonly ms: number;
  readonly peakMiB: number;
}

/** Milliseconds between looks at the memory of a peer. */
const LOOK_EVERY_MS = 5;

const KNOWN: Readonly<Record<string, Peer['args']>> = {
  crane: (from, to) => ['copy', from, to],
  regctl: (from, to) => [
    ...[from, to].flatMap((name) => ['--host', `reg=${name.split('/')[0] ?? ''},tls=disabled`]),
    ...['image', 'copy', '--referrers', '--digest-tags', from, to],
  ],
  oras: (from, to) => ['cp', '-r', '--from-plain-http', '--to-plain-http', from, to],
  skopeo: (from, to) => [
    ...['copy', '--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false'],
    ...[`docker://${from}`, `docker://${to}`],
  ],
  cosign: (from, to) => ['copy', '--allow-http-registry', '--allow-insecure-registry', from, to],
};

/** Those that are here: built for the end-to-end tests, else on the PATH. */
export async function findPeers(): Promise<readonly Peer[]> {
  const found = await Promise.all(
    Object.entries(KNOWN).map(async ([name, args]): Promise<Peer | undefined> => {
      const built = await requirePrograms([name]).catch(() => undefined);
      const command = built?.[name] ?? name;
      const answers = await new Promise<boolean>((resolve) => {
        const asked = spawn(command, ['--help'], { stdio: 'ignore' });
        asked.once('error', () => resolve(false)).once('exit', () => resolve(true));
      });
      return answers ? { name, command, args } : undefined;
    }),
  );
  return found.filter((peer) => peer !== undefined);
}

/** Runs a peer once. Throws with what it said when it fails. */
export async function runPeer({ name, command, args }: Peer, from: string, to: string): Promise<PeerRun> {
  const started = performance.now();
  const child = spawn(command, args(from, to), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  let peakMiB = 0;
  const looks = setInterval(() => {
    peakMiB = Math.max(peakMiB, highWater(child.pid));
  }, LOOK_EVERY_MS);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  clearInterval(looks);
  if (code !== 0) throw new Error(`${name}: ${said}`);
  return { ms: performance.now() - started, peakMiB };
}

function highWater(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it has just ended
  }
}
