import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

/** Most bytes read of what a program prints: the reports of the worst images have a few million. */
export const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;
/** Bytes kept of the end of what it complains about: the last lines name the reason. */
const MAX_COMPLAINT_BYTES = 8 * 1024;

/** A program to run to its end. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Working folder; it must exist. */
  readonly folder: string;
  /** Its whole environment: nothing else is inherited. */
  readonly environment: Readonly<Record<string, string>>;
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
export type Stopped = 'late' | 'cancelled' | 'too-much';

/**
 * Runs a program in a process group of its own and waits for its end. When it is stopped the whole group is killed, so that
 * nothing it started lives on. Never rejects.
 */
export async function runProgram(program: Program): Promise<Ending> {
  const { command, args, folder, environment, signal } = program;
  if (signal.aborted) return { kind: 'cancelled', complaint: '' };
  let child;
  try {
    child = spawn(command, args, {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  } catch (cause) {
    return { kind: 'missing', cause };
  }
  return follow(child, program);
}

async function follow(
  child: ChildProcessByStdio<null, Readable, Readable>,
  { timeoutMs, signal }: Program,
): Promise<Ending> {
  let stopped: Stopped | undefined;
  const stop = (why: Stopped): void => {
    stopped ??= why;
    killGroup(child);
  };
  const output = collect(child.stdout, () => stop('too-much'));
  const complaint = keepTail(child.stderr);
  const late = setTimeout(() => stop('late'), timeoutMs);
  const cancel = (): void => stop('cancelled');
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const end = await ending(child);
    if (end instanceof Error) return { kind: 'missing', cause: end };
    if (stopped !== undefined) return { kind: stopped, complaint: complaint() };
    return { kind: 'ended', ...end, output: output(), complaint: complaint() };
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', cancel);
  }
}

/** As Node reports it. */
interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function ending(child: ChildProcess): Promise<End | Error> {
  return new Promise((resolve) => {
    child.once('error', resolve);
    child.once('close', (code, signal) => {
      resolve({ code, signal });
    });
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

function collect(stream: Readable, tooMuch: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > MAX_OUTPUT_BYTES) tooMuch();
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
