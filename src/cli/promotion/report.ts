import { stringify } from 'yaml';
import { oneLine, type Digest, type ReasonCode } from '../../core/model/index.ts';
import { API_VERSION } from '../../core/policy/index.ts';
import { countResults, MAX_WAIVED, rowName, WHY_LEFT_OUT } from '../../core/promotion/index.ts';
import type { ImageResult, LeftOut, PlannedImage, Rest } from '../../core/promotion/index.ts';
import { EXIT, exitCodeOf } from '../exit.ts';
import { printDocument, type OutputFormat } from '../output.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
/** Hex digits of a digest that a table shows. */
const SHOWN = 12;

/** Bytes for people, e.g. `12.5 MiB`. */
export function bytesIn(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power] ?? ''}`;
}

/** One promotion with what a command made of it. */
export interface ReportOptions<Row> {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  /** Why it has no rows. */
  readonly message?: string;
  /** Why it could not be planned at all; `isUnknown` = something could not be found out, else it is no promotion that can be. */
  readonly reason?: ReasonCode;
  readonly isUnknown?: boolean;
  readonly rows: readonly Row[];
  /** The repositories of a promotion that takes from many. */
  readonly repositories?: readonly {
    readonly from: string;
    readonly to: string;
    readonly nothing?: string;
  }[];
  /** Tags that are not taken, and why. */
  readonly leftOut?: readonly LeftOut[] | undefined;
  /** The registry that wants to be left alone before the first image. */
  readonly rest?: Rest | undefined;
}

export function reportPlans(plans: readonly ReportOptions<PlannedImage>[], format: OutputFormat): string {
  if (format !== 'text')
    return printDocument(
      { plans: plans.map(({ rows, isUnknown: _, ...rest }) => ({ ...rest, images: rows })) },
      format,
    );
  return plans
    .map((plan) => {
      const rows = plan.rows.map((row) => [rowName(row), short(row.digest), row.action, whatOf(row)]);
      const shown = table(['TAG', 'DIGEST', 'PLAN', ''], rows, whyNone(plan));
      return `${headOf(plan)}\n${shown}${placesOf(plan)}${leftOutOf(plan)}${restOf(plan)}`;
    })
    .join('\n');
}

function restOf({ rest, ...plan }: ReportOptions<unknown>): string {
  if (!rest) return '';
  const seconds = String(Math.ceil(rest.ms / 1_000));
  return `  RegistryRateLimited: ${oneLine(plan[rest.side])} asks to slow down; a run would wait ${seconds} s before its first image\n`;
}

/** Most tags that a table lists for one reason; a repository may have thousands. JSON and YAML list all of them. */
const MAX_LEFT_OUT = 100;

/** One line for each repository of a promotion that takes from many: where it goes, or why nothing of it does. */
function placesOf({ repositories = [] }: ReportOptions<unknown>): string {
  return repositories
    .map(({ from, to, nothing }) => `  ${oneLine(from)} → ${oneLine(nothing ?? to)}\n`)
    .join('');
}

/** One line for each reason why tags are not taken. */
function leftOutOf({ leftOut = [] }: ReportOptions<unknown>): string {
  return [...Map.groupBy(leftOut, ({ why }) => why)]
    .map(([why, all]) => {
      const tags = all.slice(0, MAX_LEFT_OUT).map((one) => oneLine(rowName(one)));
      const more = all.length - tags.length;
      const rest = more > 0 ? ` and ${String(more)} more, which -o json lists` : '';
      return `  left out as ${why} (${WHY_LEFT_OUT[why]}): ${tags.join(', ')}${rest}\n`;
    })
    .join('');
}

export function reportResults(runs: readonly ReportOptions<ImageResult>[], format: OutputFormat): string {
  if (format !== 'text') {
    const reported = runs.map(
      ({ rows, isUnknown: _, leftOut: __, rest: ___, repositories: ____, ...rest }) => ({
        ...rest,
        counts: countResults(rows),
        images: rows,
      }),
    );
    return printDocument({ runs: reported }, format);
  }
  return runs
    .map((run) => {
      const rows = run.rows.map((row) => [rowName(row), short(row.digest), row.decision, becauseOf(row)]);
      const shown = table(['TAG', 'DIGEST', 'DECISION', ''], rows, whyNone(run));
      if (run.reason !== undefined) return `${headOf(run)}\n${shown}`;
      return `${headOf(run)}\n${shown}${summaryOf(run.rows)}\n${approvalForms(run.rows)}`;
    })
    .join('\n');
}

/** The exit code of a plan: blocked images need a person. */
export function exitOfPlans(plans: readonly ReportOptions<PlannedImage>[]): number {
  return exitOf(plans, ({ action }) => action, { no: ['Block'], unknown: 'Fail' });
}

/** The exit code of runs: "no" before "could not", as for verdicts. */
export function exitOfResults(runs: readonly ReportOptions<ImageResult>[]): number {
  return exitOf(runs, ({ decision }) => decision, { no: ['Blocked', 'AwaitingApproval'], unknown: 'Failed' });
}

/** A promotion that is none is bad input, whatever came of the others. */
function exitOf<Row, T>(
  reports: readonly ReportOptions<Row>[],
  resultOf: (row: Row) => T,
  { no, unknown }: { readonly no: readonly T[]; readonly unknown: T },
): number {
  if (reports.some(({ isUnknown }) => isUnknown === false)) return EXIT.badInput;
  const results = reports.flatMap(({ rows, isUnknown }) => (isUnknown ? [unknown] : rows.map(resultOf)));
  return exitCodeOf(results, no, unknown);
}

function whyNone({ reason, message = '' }: ReportOptions<unknown>): string {
  return oneLine(reason === undefined ? message : `${reason}: ${message}`);
}

function headOf({ name, source, target }: ReportOptions<unknown>): string {
  return `${name}: ${source} → ${target}`;
}

function summaryOf(rows: readonly ImageResult[]): string {
  const { candidates, promoted, upToDate, skipped, blocked, awaitingApproval, failed } = countResults(rows);
  const total = `${candidates} ${candidates === 1 ? 'image' : 'images'}`;
  const arrived = rows.some(({ decision }) => decision === 'Mirrored') ? 'mirrored' : 'promoted';
  const counts = {
    [arrived]: promoted,
    planned: rows.filter(({ decision }) => decision === 'Planned').length,
    'up to date': upToDate,
    skipped,
    blocked,
    'awaiting approval': awaitingApproval,
    failed,
  };
  return listed(total, counts) || `${total}: nothing to do`;
}

/** What a row says, with what the tag is called at the target where it is called otherwise. */
function whatOf(row: PlannedImage): string {
  const what = actionOf(row);
  if (row.targetTag === undefined) return what;
  return what === '' ? `as ${row.targetTag}` : `as ${row.targetTag}: ${what}`;
}

function actionOf(row: PlannedImage): string {
  switch (row.action) {
    case 'Skip':
    case 'Block':
    case 'Fail':
      return `${row.reason}: ${row.message}`;
    case 'UpToDate':
      return row.tidy ? 'has arrived; what comes after the tag is looked at' : '';
    case 'Move': {
      if (row.ungated) return 'at the target already, but not through this promotion';
      if (row.overwrites === undefined) return 'new at the target';
      const kept = row.backup === undefined ? '' : `, which stays as ${row.backup}`;
      return `takes the tag from ${short(row.overwrites)}${kept}`;
    }
  }
}

function becauseOf({ reason, message, bytes, blobs, attachments }: ImageResult): string {
  if (reason !== undefined) return `${reason}: ${message ?? ''}`;
  const { mounted, copied, skipped } = blobs;
  const { found, carried, leftByRule } = attachments;
  const parts = [
    listed('blobs', { [`copied (${bytesIn(bytes)})`]: copied, mounted, there: skipped }),
    found === 0 ? '' : listed('attachments', { found, carried, 'left by rule': leftByRule }),
    message ?? '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}

/** What there is any of, e.g. `blobs: 3 copied, 1 mounted`. */
function listed(name: string, counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.length === 0 ? '' : `${name}: ${some.map(([word, count]) => `${count} ${word}`).join(', ')}`;
}

function short(digest: Digest | undefined): string {
  if (digest === undefined) return '-';
  const [algorithm = '', hex = ''] = digest.split(':');
  return `${algorithm}:${hex.slice(0, SHOWN)}`;
}

function table(head: readonly string[], body: readonly (readonly string[])[], nothing = ''): string {
  if (body.length === 0) return `  ${nothing}\n`;
  // Findings and messages hold what images and scanners say.
  const rows = [head, ...body].map((row) => row.map(oneLine));
  const widths = head.map((_, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join('  '));
  return lines.map((line) => `  ${line.trimEnd()}\n`).join('');
}

/** For every image that waits an approval to be completed, with what to do with it; nothing where none waits. */
export function approvalForms(rows: readonly ImageResult[]): string {
  return rows.flatMap((row) => (row.decision === 'AwaitingApproval' ? [formOf(row)] : [])).join('');
}

/** Who, why and until when are left empty, and refused as long as they are. */
function formOf(row: ImageResult): string {
  const { digest, gateHash, blocking = [] } = row;
  const [, hex = ''] = digest?.split(':') ?? [];
  const form = stringify({
    apiVersion: API_VERSION,
    kind: 'PromotionApproval',
    metadata: { name: `approve-${hex.slice(0, 12)}` },
    spec: {
      runName: 'local',
      digest,
      gateHash,
      approver: '',
      decision: 'Approve',
      waive: blocking.slice(0, MAX_WAIVED),
      reason: '',
      until: '',
    },
  });
  const left = blocking.length - MAX_WAIVED;
  const more =
    left > 0 ? `# ${left} more block it: an approval has no room for them, an exception does.\n` : '';
  return `\nTo let ${rowName(row)} go on, complete this, put it beside the promotion and run again:\n---\n${more}${form}`;
}
