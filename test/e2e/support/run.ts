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
import { ENCLOSE, whyNoNodes } from './nodes/requirements.ts';
import { runFiles } from './parallel.ts';
import { buildImage, buildProduct } from './programs/product.ts';

const projectFolder = join(import.meta.dirname, '..', '..', '..');
const mocha = join(projectFolder, 'node_modules', 'mocha', 'bin', 'mocha.js');

/** For one test or hook: most of it is for a start of the cluster on a machine that is busy otherwise. */
const TEST_TIMEOUT_MS = 120_000;

const BUILD_ONLY = '--build-only';

/** Tests on nodes with kubelets, and of clients that unpack images as root: they run in namespaces of their own. */
const ON_NODES: readonly string[] = [
  'test/e2e/nodes/real-nodes.test.ts',
  'test/e2e/nodes/gate.test.ts',
  'test/e2e/gate/builders.test.ts',
];
/** What takes longer than its size shows, for waits of minutes or for many starts of programs; the longest is first. */
const LONG: readonly string[] = [
  ...ON_NODES,
  'test/e2e/callers.test.ts',
  'test/e2e/signatures/signatures.test.ts',
  'test/e2e/promotions/jobs.test.ts',
  'test/e2e/resilience.test.ts',
  'test/e2e/nodes/placement.test.ts',
  'test/e2e/chart/versions.test.ts',
  'test/e2e/crash.test.ts',
  'test/e2e/promotions/job-rights.test.ts',
  'test/e2e/chart/path-upgrade.test.ts',
  'test/e2e/audit.test.ts',
  'test/e2e/doctor.test.ts',
  'test/e2e/soak.test.ts',
  'test/e2e/promotions/rejudge.test.ts',
];

/**
 * Percent by which the memory of the programs in Go may grow before they clean up: they live for seconds or minutes, and with the
 * default of 100 they spend a seventh of their processor time on it.
 */
const GO_GARBAGE_PERCENT = '400';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const unobtainable = await ensureComponents(process.env);
  if (unobtainable.length > 0) return explain(unobtainable);
  if (args.includes(BUILD_ONLY)) return prepareImage();
  const built = await buildProduct();
  return built === 0 ? runMocha(args) : (built ?? 1);
}

function explain(unobtainable: readonly Unobtainable[]): number {
  return complain([
    'END-TO-END TESTS DID NOT RUN. Nothing was proven against a real cluster.',
    ...unobtainable.map(({ component, reason }) => `${component}: ${reason}`),
    'Install Go and run `npm run test:e2e` again; KUBEBUILDER_ASSETS replaces the cluster only.',
  ]);
}

/** Prints what did not run, and returns the exit code. */
function complain(lines: readonly string[]): number {
  const inCi = process.env.CI === 'true';
  const rule = '!'.repeat(78);
  console.error(rule);
  for (const line of lines) console.error(`!! ${line}`);
  console.error(inCi ? '!! CI=true: this is a failure.' : '!! Not a failure here; under CI=true it is one.');
  console.error(rule);
  return inCi ? 1 : 0;
}

/** Builds the layers of the image, so that a later build finds them. Where nodes cannot be started there is no use for it. */
async function prepareImage(): Promise<number> {
  if ((await whyNoNodes()).length === 0) await withFolder('image', buildImage);
  return 0;
}

async function withFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), `pratique-${name}-`));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs the files that are named, or all. Options of mocha (`--grep`) go to the run of each file. Where nodes cannot be started, their
 * tests are left out: this is a clear message, and a failure under CI=true.
 */
async function runMocha(args: readonly string[]): Promise<number> {
  const named = args.filter((arg) => arg.endsWith('.test.ts'));
  const files = named.length > 0 ? named : globSync('test/e2e/**/*.test.ts', { cwd: projectFolder });
  const options = args.filter((arg) => !named.includes(arg));
  // With --exit, an open connection does not block a run whose tests have all ended.
  const command = [process.execPath, mocha, '--exit', '--timeout', String(TEST_TIMEOUT_MS), ...options];
  const onNodes = files.filter((file) => ON_NODES.includes(file));
  const reasons = onNodes.length > 0 ? await whyNoNodes() : [];
  const runnable = reasons.length > 0 ? files.filter((file) => !ON_NODES.includes(file)) : files;
  const code = await withFolder('compiled', (compiled) =>
    withFolder('image', async (image) => {
      // Hundreds of processes start with the same code: what the first compiled is read by the others.
      process.env.NODE_COMPILE_CACHE ??= compiled;
      process.env.GOGC ??= GO_GARBAGE_PERCENT;
      if (onNodes.length > 0 && reasons.length === 0) await buildImage(image);
      process.env.PRATIQUE_E2E_IMAGE = image;
      const commandOf = (file: string) =>
        ON_NODES.includes(file) ? [...ENCLOSE, ...command, file] : [...command, file];
      return runFiles(longestFirst(runnable), commandOf, projectFolder);
    }),
  );
  if (reasons.length === 0) return code;
  const said = complain([`NOT RUN: ${onNodes.join(', ')}. Nothing was proven on real nodes.`, ...reasons]);
  return Math.max(code, said);
}

/**
 * {@link LONG} ones start first, and then large files, so that none of them runs alone at the end. A folder of the same name counts
 * with its file.
 */
function longestFirst(files: readonly string[]): readonly string[] {
  const rank = (file: string) => {
    const index = LONG.indexOf(file);
    return index < 0 ? LONG.length : index;
  };
  const size = (file: string) =>
    globSync([file, `${file.replace(/\.test\.ts$/, '')}/*.ts`], { cwd: projectFolder }).reduce(
      (sum, path) => sum + statSync(join(projectFolder, path)).size,
      0,
    );
  const sizes = new Map(files.map((file) => [file, size(file)]));
  return files.toSorted(
    (one, other) => rank(one) - rank(other) || (sizes.get(other) ?? 0) - (sizes.get(one) ?? 0),
  );
}
