/**
 * Runs the unit tests with mocha, on every core: files run side by side in processes that mocha starts, and one summary ends the run.
 *
 *   node test/run.ts [OPTIONS OF MOCHA]
 *
 * No file may depend on another: which of them share a process, and in what order, differs between runs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
const IGNORED = 'test/e2e/**';
/** With these, files without a chosen test do not begin. */
const CHOOSING = ['-g', '--grep', '-f', '--fgrep', '-b', '--bail'];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Many tests start processes with the same code: what the first compiled is read by the others. Not where functions are counted:
 * of compiled code some are missed.
 */
async function withCompiled<T>(run: () => Promise<T>): Promise<T> {
  if (process.env.NODE_COMPILE_CACHE !== undefined || process.env.NODE_V8_COVERAGE !== undefined)
    return run();
  const folder = await mkdtemp(join(tmpdir(), 'pratique-compiled-'));
  process.env.NODE_COMPILE_CACHE = folder;
  try {
    return await run();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs mocha; `notes` = the file to which test/unfinished.ts appends. */
async function runMocha(notes: string): Promise<number> {
  const files = ['test/**/*.test.ts', '--ignore', IGNORED];
  const jobs = ['--parallel', '--jobs', String(availableParallelism())];
  const child = spawn(process.execPath, [mocha, ...files, ...jobs, ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PRATIQUE_TEST_NOTES: notes },
  });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}

function unended(notes: ReadonlySet<string>): readonly string[] {
  if (CHOOSING.some((option) => process.argv.includes(option))) return [];
  const files = globSync('test/**/*.test.ts', { cwd: root, exclude: [IGNORED] });
  return files.filter((file) => !notes.has(`ended ${file}`));
}

/**
 * The exit code, after what mocha does not report: the files that a process took along when it crashed, exited or could not load one,
 * and errors between two files.
 */
async function withUnfinished(run: (notes: string) => Promise<number>): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'pratique-tests-'));
  try {
    const notes = join(folder, 'notes');
    await writeFile(notes, '');
    const code = await run(notes);
    const lines = new Set((await readFile(notes, 'utf8')).split('\n'));
    const late = [...lines].filter((line) => line.startsWith('late '));
    for (const line of late) console.error(`An error after the last test of a file: ${line.slice(5)}`);
    if (code !== 0) for (const file of unended(lines)) console.error(`Did not run to its end: ${file}`);
    return code === 0 && late.length > 0 ? 1 : code;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await withCompiled(() => withUnfinished(runMocha));
