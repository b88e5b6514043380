/** Loaded by mocha into each process that runs test files: writes down which have ended, and errors that no test got. */
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Suite } from 'mocha';

/** Where lines are appended, which test/run.ts reads: `ended FILE`, and `late MESSAGE`. */
const NOTES = process.env.PRATIQUE_TEST_NOTES;

const note = (line: string): void => {
  if (NOTES !== undefined) appendFileSync(NOTES, `${line.replaceAll('\n', ' ')}\n`);
};

// Between two files mocha does not listen: the process ends, and mocha starts another one without a word.
process.on('uncaughtExceptionMonitor', (error) => {
  if (process.listenerCount('uncaughtException') === 0) note(`late ${error.stack ?? error.message}`);
});

const failed = (reason: unknown): never => {
  throw reason instanceof Error ? reason : new Error(`unhandled rejection: ${String(reason)}`);
};

export const mochaHooks = {
  // Mocha passes rejections on to other listeners, of which there is none: what is thrown in one fails the test that runs. It removes
  // them all after each file of a process of its own.
  beforeAll(): void {
    process.on('unhandledRejection', failed);
  },
  afterAll(this: { readonly test?: { readonly parent?: Suite } }): void {
    const files = new Set(this.test?.parent?.suites.map(({ file }) => file ?? ''));
    for (const file of files) note(`ended ${relative(process.cwd(), file)}`);
  },
};
