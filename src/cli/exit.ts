import type { Problem } from '../core/model/index.ts';

/** Exit codes of every command. */
export const EXIT = { ok: 0, refused: 1, unknown: 2, badInput: 3 } as const;

/** Bad input, with every problem found: ends the command with {@link EXIT.badInput}. */
export class BadInput extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('bad input');
    this.problems = problems;
  }
}

/** One line per problem. One that several readers of the same input found is printed once. */
export function describeProblems(problems: readonly Problem[]): string {
  const lines = problems.map(({ path, message }) => `error: ${path === '' ? '' : `${path}: `}${message}\n`);
  return [...new Set(lines)].join('');
}
