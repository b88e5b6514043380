import { Readable } from 'node:stream';
import { runCommand, type Tools } from '../../src/cli/index.ts';
import { createTools } from '../../src/serve/index.ts';

/** The result of a command. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Log lines. */
  readonly log: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly colour?: boolean;
  /** Receives the first output on standard error; the command gets a stop signal when it resolves. */
  readonly whileServing?: (said: string) => Promise<void>;
  /** The command gets no stop signal; otherwise it gets one at once. */
  readonly undisturbed?: true;
}

/** Where no Docker config is. */
const NOWHERE = { DOCKER_CONFIG: '/nonexistent' };

const FOREVER = new Promise<void>(() => undefined);

/** The tools of the product, with a log that goes to `writeLog`. */
export function tools(
  { stdin = '', environment = {} }: RunOptions = {},
  writeLog: (line: string) => void = () => undefined,
): Tools {
  return createTools({
    version: '1.2.3',
    environment: { ...NOWHERE, ...environment },
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]),
    writeLog,
  });
}

/** Runs a command line within this process, with a terminal that records its output. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const said = { out: '', err: '', log: '' };
  const used = tools(options, (line) => {
    said.log += line;
  });
  const code = await runCommand(args, used, {
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    colour: options.colour ?? false,
    interactive: false,
    stopped: async () => (options.undisturbed ? FOREVER : options.whileServing?.(said.err)),
  });
  return { code, ...said };
}
