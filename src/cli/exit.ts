import { oneLine, type Parsed, type Problem } from '../core/model/index.ts';
import type { Terminal } from './ports.ts';

export const EXIT = { ok: 0, refused: 1, unknown: 2, badInput: 3 } as const;

/** Bad input, with every problem found: ends the command with {@link EXIT.badInput}. */
export class BadInput extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('bad input');
    this.problems = problems;
  }
}

/** The value, or every problem thrown as bad input. */
export function must<T>(read: Parsed<T>): T {
  if (read.ok) return read.value;
  throw new BadInput(read.problems);
}

/** One line per problem. One that several readers of the same input found is printed once. */
export function printProblems(problems: readonly Problem[]): string {
  const lines = problems.map(
    ({ path, message }) => `error: ${oneLine(`${path === '' ? '' : `${path}: `}${message}`)}\n`,
  );
  return [...new Set(lines)].join('');
}

/** The exit code that follows from results: a definite no before "could not find out". */
export function exitCodeOf<T>(results: readonly T[], no: readonly T[], unknown: T): number {
  if (results.some((one) => no.includes(one))) return EXIT.refused;
  return results.includes(unknown) ? EXIT.unknown : EXIT.ok;
}

/** Aborts when the user or the system asks to stop. */
export function stopSignal(terminal: Pick<Terminal, 'stopped'>): AbortSignal {
  const stopped = new AbortController();
  void terminal.stopped().then(() => {
    stopped.abort();
  });
  return stopped.signal;
}
