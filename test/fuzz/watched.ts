import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding, FuzzResult } from './engine/fuzz.ts';
import { HEADER_BYTES, type Work } from './work.ts';

/** What one target did, also where its process died. */
export type WatchedResult = FuzzResult;

/** MiB of heap of a process: what an input takes beyond is a finding. */
const MAX_HEAP_MIB = 256;
/** Milliseconds that one input may take before its process is killed. */
const STALL_MS = 10_000;
/** How often is looked whether the process still tries inputs. */
const WATCH_MS = 1_000;

/** A process that tries inputs, replaced when it dies. */
export interface Watched {
  readonly run: (work: Work) => Promise<WatchedResult>;
  readonly end: () => void;
}

/** Makes a {@link Watched}; the process begins with the first run. */
export function createWatched(): Watched {
  const folder = mkdtempSync(join(tmpdir(), 'pratique-fuzz-'));
  const file = join(folder, 'input');
  let child: ChildProcess | undefined;
  return {
    run: async (work) => {
      child ??= await start(file);
      const result = await ask(child, work, file);
      if (child.exitCode !== null || child.signalCode !== null) child = undefined;
      return result;
    },
    end: () => {
      child?.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(file: string): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'worker.ts');
  const execArgv = [`--max-old-space-size=${String(MAX_HEAP_MIB)}`, '--disable-warning=ExperimentalWarning'];
  const child = fork(script, [file], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(child, 'message');
  return child;
}

/** What arrives over the channel: bytes are written as base64 there. */
interface Sent extends Omit<FuzzResult, 'findings'> {
  readonly findings: readonly (Omit<Finding, 'input'> & { readonly input: string })[];
}

async function ask(child: ChildProcess, work: Work, file: string): Promise<WatchedResult> {
  const state = { isStalled: false };
  let [last, unchanged] = [0, 0];
  // Times the file was the same, not its age: a machine that stood still for a while is no input that takes long.
  const watch = setInterval(() => {
    const { mtimeMs } = statSync(file);
    unchanged = mtimeMs === last ? unchanged + 1 : 0;
    last = mtimeMs;
    if (unchanged * WATCH_MS < STALL_MS) return;
    state.isStalled = true;
    child.kill('SIGKILL');
  }, WATCH_MS);
  const started = performance.now();
  const both = new AbortController();
  const answered = once(child, 'message', both) as Promise<[Sent]>;
  const gone = once(child, 'exit', both).then(() => undefined);
  child.send(work);
  const answer = await Promise.race([answered, gone]);
  clearInterval(watch);
  for (const one of [answered, gone]) one.catch(() => undefined); // the one that did not come
  both.abort();
  if (answer === undefined) {
    const why = state.isStalled ? `takes more than ${String(STALL_MS)} ms` : 'ends the process';
    const finding = { target: work.target, why, input: lastInput(file) };
    const seconds = (performance.now() - started) / 1_000;
    return { target: work.target, inputs: 1, labels: 0, seconds, findings: [finding] };
  }
  const [result] = answer;
  const findings = result.findings.map((one) => ({ ...one, input: Buffer.from(one.input, 'base64') }));
  return { ...result, findings };
}

function lastInput(file: string): Uint8Array {
  const bytes = readFileSync(file);
  return bytes.subarray(HEADER_BYTES, HEADER_BYTES + bytes.readUInt32LE(0));
}
