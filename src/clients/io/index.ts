// What the other clients share: bytes read and programs run up to a limit, waits that end with a signal, one load for all who
// ask, and what a broken connection says. Talks to nothing by itself.
export { certificateProblem, discard, readAtMost, wasReset } from './connection.ts';
export { createMemo, unlessAborted } from './memo.ts';
export type { Lasting } from './memo.ts';
export { runProgram } from './run-program.ts';
export type { Ending, Program } from './run-program.ts';
