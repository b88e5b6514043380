// What the other clients share: bytes read and programs run up to a limit, waits that end with a signal, and one load for all who
// ask. Talks to nothing by itself.
export { collectAfter } from './collect.ts';
export { hashElsewhere } from './hash.ts';
export { createMemo, unlessAborted, type Lasting } from './memo.ts';
export { readAtMost } from './read-at-most.ts';
export { runProgram, type Ending, type Program } from './run-program.ts';
