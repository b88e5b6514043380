import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, constants } from 'node:os';

/** Files that run at a time, for each core: most wait for a control plane or a period to pass, and use a quarter of a core. */
const FILES_PER_CORE = 3;
/** Each has its own control plane, of about half a gibibyte. */
const FILES_AT_MOST = 8;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What the output of one run of mocha shows. */
interface FileResult {
  readonly passed: number;
  readonly failed: number;
  /** What mocha prints of each failing test; empty where none failed. */
  readonly failures: string;
}

/**
 * Runs test files, a few at a time, each in a separate process with its own ports and folders, by the command of the file. Prints what each prints when it
 * ends, and in the end, as mocha does for one run, how many tests passed and failed, and why. Returns the exit code.
 */
export async function runFiles(
  files: readonly string[],
  commandOf: (file: string) => readonly string[],
  cwd: string,
): Promise<number> {
  const startedAt = Date.now();
  const waiting = [...files];
  const running = new Set<ChildProcess>();
  const results: FileResult[] = [];
  let stopped: NodeJS.Signals | undefined;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      stopped = signal;
      for (const child of running) forward(child.pid, signal);
    });
  }
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && stopped === undefined; file = waiting.shift()) {
      results.push(await runFile(file, commandOf(file), { cwd, running }));
    }
  };
  const atATime = Math.min(FILES_PER_CORE * availableParallelism(), FILES_AT_MOST);
  await Promise.all(Array.from({ length: atATime }, work));
  const sum = (count: (result: FileResult) => number) => results.reduce((all, one) => all + count(one), 0);
  const failed = sum((one) => one.failed);
  const minutes = Math.round((Date.now() - startedAt) / 60_000);
  console.log(`\n  ${String(sum((one) => one.passed))} passing (${String(minutes)}m)`);
  if (failed > 0) {
    console.log(`  ${String(failed)} failing\n\n${results.map(({ failures }) => failures).join('')}`);
  }
  if (stopped !== undefined) return 128 + constants.signals[stopped];
  return failed > 0 ? 1 : 0;
}

async function runFile(
  file: string,
  [program = '', ...args]: readonly string[],
  { cwd, running }: { readonly cwd: string; readonly running: Set<ChildProcess> },
): Promise<FileResult> {
  const startedAt = Date.now();
  // In a separate process group: mocha starts a second process, and a signal must reach both.
  const child = spawn(program, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  running.delete(child);
  const text = Buffer.concat(output).toString();
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  console.log(`== ${file} (${String(seconds)} s)\n${text}`);
  return resultOf(file, text, code);
}

function resultOf(file: string, text: string, code: number | null): FileResult {
  const count = (word: string) => Number(new RegExp(`^ *(\\d+) ${word}\\b`, 'm').exec(text)?.[1] ?? 0);
  const [passed, failed] = [count('passing'), count('failing')];
  if (failed > 0)
    return { passed, failed, failures: text.slice(/^ *\d+ failing/m.exec(text)?.index).replace(/^.*\n/, '') };
  // It failed outside of its tests. With --grep a file may have no test to run, which mocha reports.
  if (code !== 0 || !/^ *\d+ passing/m.test(text)) {
    return {
      passed,
      failed: 1,
      failures: `  1) ${file}\n       ended with ${String(code)}:\n${text.slice(-2_000)}\n`,
    };
  }
  return { passed, failed, failures: '' };
}

function forward(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch (error) {
    // It has ended already: its exit code follows.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
