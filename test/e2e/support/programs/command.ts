import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** A program run to its end. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Given on standard input. */
  readonly input?: string;
  readonly withinMs?: number;
}

export interface Outcome {
  /** Exit code, or -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longer than any single command of the tests may take on a busy machine. */
const WITHIN_MS = 60_000;

/** Runs a program and waits for its end. A code other than 0 is an answer, not an error. */
export async function runCommand({ command, args, cwd, env, input, withinMs }: Command): Promise<Outcome> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    timeout: withinMs ?? WITHIN_MS,
    killSignal: 'SIGKILL',
    stdio: 'pipe',
  });
  await once(child, 'spawn');
  const closed = once(child, 'close') as Promise<[number | null]>;
  child.stdin.on('error', ignoreUnreadInput);
  child.stdin.end(input ?? '');
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code: code ?? -1, stdout, stderr };
}

/** As runCommand, for commands that have to succeed: returns what they print. */
export async function succeed(command: Command): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command);
  if (code === 0) return stdout;
  throw new Error(`${command.command} ${command.args.join(' ')} ended with ${code}: ${stderr || stdout}`);
}

/** A program may end without reading all it is given; its exit code shows what matters. */
function ignoreUnreadInput(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') throw error;
}
