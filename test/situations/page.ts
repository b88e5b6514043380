// The tables of docs/security.md that follow from the situations that tests make.
import { PROMOTIONS, type PromotionRow } from './promotion-rows.ts';
import { ADMISSIONS, COLUMNS, KINDS, type AdmissionRow } from './rows.ts';

/** The two tables, as Markdown. */
export function situationTables(): string {
  const admissions = Object.values<AdmissionRow>(ADMISSIONS).map(({ what, reason, kind }) => [
    what,
    code(reason),
    ...KINDS[kind],
  ]);
  const promotions = Object.values<PromotionRow>(PROMOTIONS).map(({ what, decision, reason }) => [
    what,
    ends(decision),
    code(reason),
  ]);
  return [
    'An admission, by how its policy is set (`O40`):',
    '',
    ...table([['when', 'reason', ...COLUMNS.map(({ title }) => title)], ...admissions]),
    '',
    'A mirror or a promotion (`O41`). The tag at the target moves only where the image is promoted:',
    '',
    ...table([['when', 'the image', 'reason'], ...promotions]),
  ].join('\n');
}

/** A reason as code. */
export const code = (reason: string | undefined): string => (reason === undefined ? '' : `\`${reason}\``);

function ends(decision: PromotionRow['decision']): string {
  if (decision === 'Refused') return 'is not copied: the run ends before its first step';
  if (decision === 'Promoted' || decision === 'Mirrored') return `is ${decision.toLowerCase()}`;
  return `stays: \`${decision}\``;
}

/** A Markdown table; the first line is its head. */
export function table(lines: readonly (readonly string[])[]): readonly string[] {
  const [head = [], ...body] = lines;
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const print = (line: readonly string[], fill = ' '): string =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`;
  return [
    print(head),
    print(
      head.map(() => ''),
      '-',
    ),
    ...body.map((line) => print(line)),
  ];
}
