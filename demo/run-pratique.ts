// The command line of the product, as its own process in a folder of ours.
import { spawn } from 'node:child_process';

/** What one command printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
}

const PROGRAM = new URL('../src/main.ts', import.meta.url).pathname;

/** Runs `pratique ARGS` in this folder. Exit codes are answers; bad input and bugs throw with what was said. */
export async function runPratique(folder: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0 && code !== 1) throw new Error(`pratique ${args.join(' ')} ended:\n${said.err}`);
  return { code, out: said.out };
}
