/**
 * Runs the end-to-end tests: builds the real programs they need (or finds them built) and the product, then starts mocha.
 *
 *   node test/e2e/support/run.ts [--build-only] [TEST FILES] [MOCHA OPTIONS]
 *
 * Without Go and without earlier builds there is nothing to run against: said loudly, and no failure on a
 * laptop; a failure under CI=true.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ensureComponents, type Unobtainable } from './ensure.ts';
import { buildProduct } from './product.ts';

const projectFolder = join(import.meta.dirname, '..', '..', '..');
const mocha = join(projectFolder, 'node_modules', 'mocha', 'bin', 'mocha.js');

/** For one test or hook: most of it is for a start of the cluster on a machine that is busy otherwise. */
const TEST_TIMEOUT_MS = 120_000;

const BUILD_ONLY = '--build-only';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const unobtainable = await ensureComponents(process.env);
  if (unobtainable.length > 0) return explain(unobtainable);
  if (args.includes(BUILD_ONLY)) return 0;
  const built = await buildProduct();
  return built === 0 ? runMocha(args) : (built ?? 1);
}

function explain(unobtainable: readonly Unobtainable[]): number {
  const inCi = process.env.CI === 'true';
  const rule = '!'.repeat(78);
  console.error(rule);
  console.error('!! END-TO-END TESTS DID NOT RUN. Nothing was proven against a real cluster.');
  for (const { component, reason } of unobtainable) console.error(`!! ${component}: ${reason}`);
  console.error(
    '!! Install Go and run `npm run test:e2e` again; KUBEBUILDER_ASSETS replaces the cluster only.',
  );
  console.error(inCi ? '!! CI=true: this is a failure.' : '!! Not a failure here; under CI=true it is one.');
  console.error(rule);
  return inCi ? 1 : 0;
}

async function runMocha(args: readonly string[]): Promise<number> {
  const files = args.some((arg) => arg.endsWith('.test.ts')) ? [] : ['test/e2e/**/*.test.ts'];
  // In a process group of its own: mocha starts a second process, and a signal has to reach both.
  // With --exit, a connection that nobody closed holds up no run whose tests have all ended.
  const options = ['--exit', '--timeout', String(TEST_TIMEOUT_MS)];
  const runner = spawn(process.execPath, [mocha, ...options, ...files, ...args], {
    cwd: projectFolder,
    detached: true,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => forward(runner.pid, signal));
  }
  const [code, signal] = (await once(runner, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

function forward(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch (error) {
    // Gone already: its exit code is on the way.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
