/**
 * Runs the end-to-end tests: builds the real programs they need (or finds them built) and the product, then starts mocha.
 *
 *   node test/e2e/support/run.ts [--build-only] [TEST FILES] [MOCHA OPTIONS]
 *
 * Without Go and without earlier builds the tests cannot run: this is a clear message, and no failure on a
 * laptop; a failure under CI=true.
 */
import { globSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureComponents, type Unobtainable } from './programs/ensure.ts';
import { runFiles } from './parallel.ts';
import { buildProduct } from './programs/product.ts';

const projectFolder = join(import.meta.dirname, '..', '..', '..');
const mocha = join(projectFolder, 'node_modules', 'mocha', 'bin', 'mocha.js');

/** For one test or hook: most of it is for a start of the cluster on a machine that is busy otherwise. */
const TEST_TIMEOUT_MS = 120_000;

const BUILD_ONLY = '--build-only';

/** Waits of several minutes, for leases and for paths that are rotated. */
const LONG: readonly string[] = ['test/e2e/callers.test.ts', 'test/e2e/crash.test.ts'];

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

/** Runs the files that are named, or all. Options of mocha (`--grep`) go to the run of each file. */
async function runMocha(args: readonly string[]): Promise<number> {
  const named = args.filter((arg) => arg.endsWith('.test.ts'));
  const files = named.length > 0 ? named : globSync('test/e2e/**/*.test.ts', { cwd: projectFolder });
  const options = args.filter((arg) => !named.includes(arg));
  // With --exit, an open connection does not block a run whose tests have all ended.
  const mochaOptions = ['--exit', '--timeout', String(TEST_TIMEOUT_MS), ...options];
  // Hundreds of processes start with the same code: what the first compiled is read by the others.
  const compiled = mkdtempSync(join(tmpdir(), 'pratique-compiled-'));
  process.env.NODE_COMPILE_CACHE ??= compiled;
  try {
    return await runFiles(longestFirst(files), [process.execPath, mocha, ...mochaOptions], projectFolder);
  } finally {
    rmSync(compiled, { recursive: true, force: true });
  }
}

/**
 * Large files take long: they start first, so that none of them runs alone at the end. A folder of the same name counts with its file,
 * and {@link LONG} counts more.
 */
function longestFirst(files: readonly string[]): readonly string[] {
  const size = (file: string) =>
    globSync([file, `${file.replace(/\.test\.ts$/, '')}/*.ts`], { cwd: projectFolder }).reduce(
      (sum, path) => sum + statSync(join(projectFolder, path)).size,
      LONG.includes(file) ? Number.MAX_SAFE_INTEGER / 2 : 0,
    );
  const sizes = new Map(files.map((file) => [file, size(file)]));
  return files.toSorted((one, other) => (sizes.get(other) ?? 0) - (sizes.get(one) ?? 0));
}
