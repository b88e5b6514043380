/**
 * Runs the tests whose titles carry an id of docs/security-checklist.md, and prints id, meaning, tests and result. They are most of
 * the tests: a run that was before needs no second one.
 *
 *   node test/checklist.ts
 *   npm test -- --reporter json --reporter-option output=dist/results.json; node test/checklist.ts dist/results.json
 *
 * Fails on a failing test, on an id without a test, and on a test with an id that is not in the table. End-to-end tests with an
 * id are listed and not run: they need a cluster (`npm run test:e2e`).
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** The format of an id: a letter of the table and two digits. */
const ID = /\b[ABCFGHKMNOPRSTW]\d{2}\b/g;

/** Id → its requirement, from the table. */
export function checklist(): ReadonlyMap<string, string> {
  const text = readFileSync(join(root, 'docs', 'security-checklist.md'), 'utf8');
  const rows = text.matchAll(/^\| ([ABCFGHKMNOPRSTW]\d{2}) +\| (.*?) +\|$/gm);
  return new Map([...rows].map(([, id = '', meaning = '']) => [id, meaning]));
}

/** The ids in the titles of a test file, as they are written there. */
export function idsIn(path: string): readonly string[] {
  const strings = readFileSync(join(root, path), 'utf8').match(/'[^'\n]*'|`[^`]*`|"[^"\n]*"/g) ?? [];
  return strings.flatMap((text) => text.match(ID) ?? []);
}

/** Paths of test files below the repository, with the files that tests of the grid are made from. */
export function testFiles(): readonly string[] {
  return globSync('test/**/*.ts', {
    cwd: root,
    exclude: (path) => /node_modules|architecture|checklist/.test(path),
  });
}

interface TestResult {
  readonly fullTitle: string;
  readonly err: { readonly message?: string };
}

function runTests(): readonly TestResult[] {
  const folder = mkdtempSync(join(tmpdir(), 'pratique-checklist-'));
  const output = join(folder, 'results.json');
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const args = ['test/**/*.test.ts', '--ignore', 'test/e2e/**', '--grep', ID.source, '--reporter', 'json'];
  try {
    const run = spawnSync(process.execPath, [mocha, ...args, '--reporter-option', `output=${output}`], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (run.error) throw run.error;
    return resultsIn(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What mocha's reporter `json` wrote of the tests that carry an id. */
function resultsIn(path: string): readonly TestResult[] {
  const { tests } = JSON.parse(readFileSync(path, 'utf8')) as { readonly tests: readonly TestResult[] };
  return tests.filter(({ fullTitle }) => fullTitle.match(ID) !== null);
}

/** Prints one id with its tests; the result is `ok`, or the problem. */
function print(id: string, meaning: string, own: readonly TestResult[], inCluster: number): string {
  const failed = own.some(({ err }) => err.message !== undefined);
  const result = own.length + inCluster === 0 ? 'NOT TESTED' : failed ? 'FAILED' : 'ok';
  const more = inCluster > 0 ? `, ${String(inCluster)} end-to-end` : '';
  console.log(`${id}  ${result.padEnd(10)}  ${String(own.length)} tests${more}  ${meaning}`);
  for (const { fullTitle } of own) console.log(`       ${fullTitle}`);
  return result;
}

function main([results]: readonly string[]): number {
  const known = checklist();
  const tests = results === undefined ? runTests() : resultsIn(results);
  const inCluster = testFiles().filter((path) => path.startsWith('test/e2e/'));
  const problems = new Set<string>();
  const used = [...tests.map(({ fullTitle }) => fullTitle.match(ID) ?? []), ...inCluster.map(idsIn)].flat();
  for (const id of used) if (!known.has(id)) problems.add(`${id} is in a title, and not in the table`);
  for (const [id, meaning] of known) {
    const own = tests.filter(({ fullTitle }) => fullTitle.match(ID)?.includes(id));
    const result = print(id, meaning, own, inCluster.flatMap(idsIn).filter((one) => one === id).length);
    if (result !== 'ok') problems.add(`${id}: ${result}`);
  }
  for (const problem of problems) console.error(problem);
  console.log(`${String(known.size)} ids, ${String(tests.length)} tests, ${String(problems.size)} problems`);
  return problems.size === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
