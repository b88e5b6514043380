/**
 * Kills real processes (SIGKILL) at the boundaries of their requests and in the middle of their transfers, runs them again to their
 * end, and compares with a run that was not killed. Prints a table; exits with 1 on any difference.
 *
 *   npm run crash [-- --every] [--only TEXT]
 *
 * `--every` kills at all boundaries, which takes long. `--only` takes the kinds of run whose name includes a text.
 */
import { parseArgs } from 'node:util';
import { KINDS } from './kinds.ts';
import { killAll, type Report } from './matrix.ts';
import type { Outcome } from './stage.ts';

const { values } = parseArgs({
  options: { every: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});
/** Of many requests of one kind, so many are between two at which a process is killed. */
const ONE_OF = values.every ? 1 : 4;

function print({ boundary: { kind, ordinal, moment }, problems }: Outcome): void {
  if (problems.length === 0) return;
  console.log(`  ${moment} ${kind} (${String(ordinal + 1)}.)`);
  for (const problem of problems) console.log(`    ${problem}`);
}

const started = performance.now();
const reports: Report[] = [];
for (const kind of KINDS.filter(({ name }) => name.includes(values.only)))
  reports.push(await killAll(kind, { oneOf: ONE_OF }, print));

const COLUMNS = ['requests', 'kinds', 'boundaries', 'killed', 'wrong'] as const;
const wide = Math.max(...reports.map(({ name }) => name.length));
console.log(`${''.padEnd(wide)}  ${COLUMNS.join('  ')}`);
for (const { name, requests, kinds, boundaries, outcomes } of reports) {
  const killed = outcomes.filter(({ reached }) => reached).length;
  const wrong = outcomes.filter(({ problems }) => problems.length > 0).length;
  const cells = [requests, kinds, boundaries, killed, wrong];
  console.log(
    [
      name.padEnd(wide),
      ...cells.map((cell, index) => String(cell).padStart(COLUMNS[index]?.length ?? 0)),
    ].join('  '),
  );
}
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
const isWrong = reports.some(({ outcomes }) => outcomes.some(({ problems }) => problems.length > 0));
process.exitCode = isWrong ? 1 : 0;
