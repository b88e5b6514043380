/**
 * Runs the unit tests with mocha, on every core: files run side by side in processes that mocha starts, and one summary ends the run.
 *
 *   node test/run.ts [OPTIONS OF MOCHA]
 *
 * No file may depend on another: which of them share a process, and in what order, differs between runs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
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

async function runMocha(): Promise<number> {
  const files = ['test/**/*.test.ts', '--ignore', 'test/e2e/**'];
  const jobs = ['--parallel', '--jobs', String(availableParallelism())];
  const child = spawn(process.execPath, [mocha, ...files, ...jobs, ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}

process.exitCode = await withCompiled(runMocha);
