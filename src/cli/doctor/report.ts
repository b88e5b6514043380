import { stringify } from 'yaml';
import type { CheckResult } from './check.ts';
import { EXIT } from '../exit.ts';
import type { OutputFormat } from '../options.ts';
import type { Terminal } from '../ports.ts';

type Status = CheckResult['status'];

const COLOURS: Readonly<Record<Status, number>> = { ok: 32, warning: 33, failed: 31, unknown: 35 };
const WIDTH = 'warning'.length;
/** Widest column of names; longer ones push their line to the right. */
const MAX_NAME = 36;

/** The exit code of all checks: a failure before "could not find out"; warnings are no failure. */
export function doctorExitCode(results: readonly CheckResult[]): number {
  const statuses = new Set(results.map(({ status }) => status));
  if (statuses.has('failed')) return EXIT.refused;
  return statuses.has('unknown') ? EXIT.unknown : EXIT.ok;
}

/** Prints the results of all checks. */
export function reportChecks(
  results: readonly CheckResult[],
  format: OutputFormat,
  { out, colour }: Pick<Terminal, 'out' | 'colour'>,
): void {
  const count = (status: Status) => results.filter((one) => one.status === status).length;
  const summary = {
    ok: count('ok'),
    warning: count('warning'),
    failed: count('failed'),
    unknown: count('unknown'),
  };
  if (format !== 'text') {
    const document = { checks: results, summary };
    out(format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : stringify(document));
    return;
  }
  const name = Math.min(MAX_NAME, Math.max(0, ...results.map(({ check }) => check.length)));
  const lines = results.flatMap(({ check, status, detail, next }) => {
    const word = status.padEnd(WIDTH);
    const shown = colour ? `\u001b[${COLOURS[status]}m${word}\u001b[0m` : word;
    return [
      `${shown}  ${check.padEnd(name)}  ${detail}`,
      ...(next === undefined ? [] : [`${' '.repeat(WIDTH + 2)}${' '.repeat(name)}  → ${next}`]),
    ];
  });
  const total = Object.entries(summary)
    .filter(([, many]) => many > 0)
    .map(([status, many]) => `${many} ${status}`)
    .join(', ');
  out(`${[...lines, total].join('\n')}\n`);
}
