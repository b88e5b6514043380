import { until } from '../wait.ts';
import { startAdmissionLoad, type Answer } from './admission-load.ts';
import { NAMESPACE, type Installed } from './installed.ts';

/** What became of the pods that were created while something was disturbed. */
export interface Disturbed {
  readonly disturbance: string;
  readonly requests: number;
  readonly lost: number;
  readonly wronglyAdmitted: number;
  /** Seconds from the disturbance until the last request that was lost was sent; 0 if none was. */
  readonly recoverySeconds: number;
  /** Part of the signed pods that were admitted. */
  readonly signedAdmitted: number;
  /** What the API server answered to those that were lost, each once, with their number and time. */
  readonly messages: readonly string[];
}

/** Something that happens while pods are created. It resolves when its effect can be over. */
export interface Disturbance {
  readonly name: string;
  readonly act: () => Promise<unknown>;
}

/** Pods before the disturbance: it falls into a load that goes well. */
const BEFORE = 12;
/** Without a loss for this long it is over. */
const QUIET_MS = 4_000;
const OVER_WITHIN_MS = 60_000;
const STARTED_WITHIN_MS = 30_000;

/** Creates pods, half of them unsigned, before, during and after a disturbance, until none is lost any more. */
export async function disturb(
  { real }: Installed,
  images: { readonly signed: string; readonly unsigned: string },
  { name, act }: Disturbance,
): Promise<Disturbed> {
  const load = startAdmissionLoad(real.cluster, {
    name:
      name
        .toLowerCase()
        .match(/[a-z]+/g)
        ?.join('-') ?? 'load',
    namespace: NAMESPACE,
    ...images,
  });
  let began = 0;
  try {
    await until({
      what: 'pods before the disturbance',
      withinMs: STARTED_WITHIN_MS,
      check: () => Promise.resolve(load.answers.length >= BEFORE),
    });
    began = performance.now();
    await act();
    const acted = performance.now();
    await until({
      what: `no more lost pods after: ${name}`,
      withinMs: OVER_WITHIN_MS,
      check: () =>
        Promise.resolve(performance.now() - Math.max(acted, began + lostMs(load.answers, began)) > QUIET_MS),
    });
  } finally {
    await load.stop();
  }
  return summary(name, load.answers, began);
}

/** Milliseconds from `began` until the last request that was lost was sent. */
function lostMs(answers: readonly Answer[], began: number): number {
  const lost = answers.filter(({ result }) => result === 'lost');
  return Math.max(0, ...lost.map(({ at }) => at - began));
}

function summary(disturbance: string, answers: readonly Answer[], began: number): Disturbed {
  const lost = answers.filter(({ result }) => result === 'lost');
  const signed = answers.filter((answer) => answer.signed);
  return {
    disturbance,
    requests: answers.length,
    lost: lost.length,
    wronglyAdmitted: answers.filter(({ result }) => result === 'wrongly admitted').length,
    recoverySeconds: Math.round(lostMs(answers, began) / 100) / 10,
    signedAdmitted: signed.filter(({ result }) => result === 'right').length / signed.length,
    messages: lossesOf(lost, began),
  };
}

/** Each message once: how many pods got it, and the seconds after the disturbance in which these were sent. */
function lossesOf(lost: readonly Answer[], began: number): readonly string[] {
  return [...Map.groupBy(lost, ({ message }) => message)].map(([message, answers]) => {
    const at = answers.map((answer) => (answer.at - began) / 1_000);
    return `${String(answers.length)} pods at ${Math.min(...at).toFixed(1)}–${Math.max(...at).toFixed(1)} s: ${message}`;
  });
}

/** Why pods were lost, by disturbance; empty where none was. */
export const reasonsOf = (rows: readonly Disturbed[]): string =>
  rows
    .filter(({ messages }) => messages.length > 0)
    .map(({ disturbance, messages }) => `${disturbance}:\n${messages.map((one) => `  ${one}\n`).join('')}`)
    .join('');

/** The rows as a table of Markdown. */
export function tableOf(rows: readonly Disturbed[]): string {
  const cells = rows.map((row) => [
    row.disturbance,
    String(row.requests),
    String(row.lost),
    String(row.wronglyAdmitted),
    row.recoverySeconds.toFixed(1),
  ]);
  const all = [['disturbance', 'requests', 'lost', 'wrongly admitted', 'recovery seconds'], ...cells];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(all[0] ?? []), line(rule), ...all.slice(1).map(line)].join('\n');
}
