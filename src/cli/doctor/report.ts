import { coloured, printDocument, type OutputFormat } from '../exit.ts';
import type { Terminal } from '../ports.ts';
import type { CheckResult } from './check.ts';

type Status = CheckResult['status'];

const COLOURS: Readonly<Record<Status, number>> = { ok: 32, warning: 33, failed: 31, unknown: 35 };
const WIDTH = 'warning'.length;
/** Widest column of names; longer ones push their line to the right. */
const MAX_NAME = 36;

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
    out(printDocument({ checks: results, summary }, format));
    return;
  }
  const name = Math.min(MAX_NAME, Math.max(0, ...results.map(({ check }) => check.length)));
  const lines = results.flatMap(({ check, status, detail, next }) => {
    const line = `${coloured(status.padEnd(WIDTH), COLOURS[status], colour)}  ${check.padEnd(name)}  ${detail}`;
    return next === undefined ? [line] : [line, `${' '.repeat(WIDTH + 2 + name)}  → ${next}`];
  });
  const total = Object.entries(summary)
    .filter(([, many]) => many > 0)
    .map(([status, many]) => `${many} ${status}`)
    .join(', ');
  out(`${[...lines, total].join('\n')}\n`);
}
