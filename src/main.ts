#!/usr/bin/env node
// argv → command. The only reader of the process's environment and arguments, and the only place that exits.
import { readFileSync } from 'node:fs';

/** Oldest Node.js that the libraries run on; older ones fail at import, without saying why. */
const OLDEST_NODE = [22, 22];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < (OLDEST_NODE[0] ?? 0) || (major === OLDEST_NODE[0] && minor < (OLDEST_NODE[1] ?? 0))) {
  process.stderr.write(
    `error: pratique needs Node.js ${OLDEST_NODE.join('.')} or newer, this is ${process.versions.node}; after "npm ci" the one in node_modules/.bin will do\n`,
  );
  process.exit(3);
}

// Imported only now, so that an old Node.js gets the sentence above.
const { runCommand } = await import('./cli/index.ts');
const { createTools } = await import('./serve/index.ts');

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The lines of one turn of the event loop are written at once: each write takes as long as judging an image that is known. */
function createLog(): { readonly write: (line: string) => void; readonly flush: () => void } {
  let unwritten = '';
  const flush = (): void => {
    const lines = unwritten;
    unwritten = '';
    if (lines !== '') process.stderr.write(lines);
  };
  const write = (line: string): void => {
    if (unwritten === '') setImmediate(flush);
    unwritten += line;
  };
  return { write, flush };
}

const log = createLog();
process.on('exit', log.flush);

const tools = createTools({
  version,
  environment: process.env,
  setEnvironment: (variables) => Object.assign(process.env, variables),
  stdin: process.stdin,
  writeLog: log.write,
});

// The reader of our output may stop early (`pratique check … | head`); the exit code stays the verdict.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

/** A bug is neither a verdict nor bad input. */
const COULD_NOT_FIND_OUT = 2;

process.exitCode = await runCommand(process.argv.slice(2), tools, {
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    log.flush();
    process.stderr.write(text);
  },
  colour: process.stdout.isTTY && (process.env.NO_COLOR ?? '') === '',
  interactive: process.stderr.isTTY,
  stopped: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.once(signal, () => {
          resolve();
        });
      }
    }),
}).catch((error: unknown) => {
  log.flush();
  process.stderr.write(
    `error: pratique failed, this is a bug: ${error instanceof Error ? (error.stack ?? error.message) : 'it threw no error'}\n`,
  );
  return COULD_NOT_FIND_OUT;
});
