// What the other clients share: bytes read and programs run up to a limit, waits that end with a signal, one load for all who
// ask, and what a broken connection says. Talks to nothing by itself.
export { certificateProblem, discard, readAtMost, wasReset } from './connection.ts';
export { createMemo, unlessAborted, type Lasting } from './memo.ts';
export { runProgram, type Ending, type Program } from './run-program.ts';
