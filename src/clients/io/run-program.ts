import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

/** Bytes kept of the end of what a program complains about: the last lines name the reason. */
const MAX_COMPLAINT_BYTES = 8 * 1024;

/** A program to run to its end. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Working folder; it must exist. That of this process when absent. */
  readonly folder?: string;
  /** Its whole environment: nothing else is inherited. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What it reads on standard input. */
  readonly input?: string;
  /** Most bytes of standard output. */
  readonly maxOutputBytes: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How a program ended: by itself, not begun at all, or stopped by us and why. */
export type Ending =
  | { readonly kind: 'missing'; readonly cause: unknown }
  | { readonly kind: Stopped; readonly complaint: string }
  | {
      readonly kind: 'ended';
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly output: Buffer;
      /** The end of its standard error. */
      readonly complaint: string;
    };

/** Why a program was stopped: its own time limit, the caller's signal, or more output than is read. */
type Stopped = 'late' | 'cancelled' | 'too-much';

/**
 * Runs a program in a process group of its own and waits for its end. When it is stopped the whole group is killed, so that
 * nothing it started lives on. Never rejects.
 */
export async function runProgram(program: Program): Promise<Ending> {
  const { command, args, folder, environment, input = '', maxOutputBytes, timeoutMs, signal } = program;
  if (signal.aborted) return { kind: 'cancelled', complaint: '' };
  let child;
  try {
    child = spawn(command, args, { cwd: folder, env: environment, detached: true });
  } catch (cause) {
    return { kind: 'missing', cause };
  }
  let stopped: Stopped | undefined;
  const stop = (why: Stopped): void => {
    stopped ??= why;
    killGroup(child);
  };
  child.stdin.on('error', () => undefined); // a program that ends without reading is judged by its exit code
  child.stdin.end(input);
  const output = collect(child.stdout, maxOutputBytes, () => stop('too-much'));
  const complaint = keepTail(child.stderr);
  const late = setTimeout(() => stop('late'), timeoutMs);
  const cancel = (): void => stop('cancelled');
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const end = await endOf(child);
    if (end instanceof Error) return { kind: 'missing', cause: end };
    if (stopped !== undefined) return { kind: stopped, complaint: complaint() };
    return { kind: 'ended', ...end, output: output(), complaint: complaint() };
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', cancel);
  }
}

type End = Pick<Extract<Ending, { kind: 'ended' }>, 'code' | 'signal'>;

function endOf(child: ChildProcess): Promise<End | Error> {
  return new Promise((resolve) => {
    child.once('error', resolve);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group has ended.
  }
  // Something that left the group may still hold the pipes: it is not waited for.
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function collect(stream: Readable, maxBytes: number, tooMuch: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > maxBytes) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks);
}

function keepTail(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-MAX_COMPLAINT_BYTES);
  });
  return () => tail.toString('utf8');
}
