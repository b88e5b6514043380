// The bundled program as the image starts it, in a cgroup with the memory of the chart, measured from outside.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { figuresOf } from '../figures.ts';
import { imageVariables } from '../image-variables.ts';
import { openCgroup } from '../cgroup.ts';

/** What the process takes at a moment. */
export interface Taken {
  readonly residentMiB: number;
  readonly peakMiB: number;
  readonly descriptors: number;
  readonly sockets: number;
  readonly threads: number;
}

/** What the process itself measured since the last time. Milliseconds. */
export interface Inside {
  readonly p99: number;
  readonly max: number;
  /** Timers that are armed. */
  readonly timers: number;
}

/** The running program; when it ends by itself, it is started again and counted. */
export interface Product {
  /** `undefined` while it is started again. */
  readonly taken: () => Taken | undefined;
  readonly inside: () => Promise<Inside>;
  /** The value of a metric over all its labels. */
  readonly metric: (name: string) => Promise<number>;
  readonly ready: () => Promise<boolean>;
  /** How it ended, each time that it was not asked to. */
  readonly deaths: readonly string[];
  /** Lines of the log that report a bug. */
  readonly bugs: readonly string[];
  readonly stop: () => Promise<void>;
}

/** Where and how it is started. */
export interface ProductStart {
  readonly folder: string;
  /** Arguments after `serve`. */
  readonly args: readonly string[];
  /** Port of probes and metrics on 127.0.0.1. */
  readonly operations: number;
}

const PROGRAM = new URL('../../dist/bundle/pratique.js', import.meta.url).pathname;
const PROBE = new URL('../loop-delay.ts', import.meta.url).href;
/** A line of the log, or the first one. Anything else is what Node.js says about a bug. */
const SAID = /^(?:\{|pratique )/;
/** Bugs that are kept for the report; all that are more say the same. */
const MAX_BUGS = 20;
/** Milliseconds between two looks for the file of the probe. */
const LOOK_MS = 100;
/** Looks after which there will be none: half a minute, on a machine that has much else to do. */
const LOOKS = 300;

/** Starts the program. */
export async function startProduct({ folder, args, operations }: ProductStart): Promise<Product> {
  const variables = await imageVariables();
  const cgroup = openCgroup(`pratique-soak-${process.pid}`);
  const delays = join(folder, 'delay.json');
  const deaths: string[] = [];
  const bugs: string[] = [];
  let stopping = false;
  let child: ChildProcess | undefined;

  const start = (): void => {
    const enter = cgroup === undefined ? ':' : `echo $$ > ${join(cgroup, 'cgroup.procs')}`;
    const command = ['-c', `${enter}; exec "$0" "$@"`, process.execPath, PROGRAM, 'serve', ...args];
    const env = {
      ...{ PATH: process.env.PATH, HOME: folder, POD_NAME: 'soak', ...variables },
      NODE_OPTIONS: `${variables.NODE_OPTIONS ?? ''} --import=${PROBE}`,
      LOOP_DELAY_FILE: delays,
    };
    const next = spawn('sh', command, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let rest = '';
    next.stderr.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      bugs.push(...lines.filter((line) => line.includes('"internal error"') || !SAID.test(line)));
      bugs.length = Math.min(bugs.length, MAX_BUGS);
    });
    next.once('exit', (code, signal) => {
      if (stopping) return;
      deaths.push(signal ?? `code ${String(code)}`);
      start();
    });
    child = next;
  };
  start();
  const kill = () => void child?.kill('SIGKILL');
  process.once('exit', kill);

  const page = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${operations}${path}`);
  return {
    deaths,
    bugs,
    taken: () => (child?.pid === undefined ? undefined : takenBy(child.pid)),
    inside: async () => {
      rmSync(delays, { force: true });
      child?.kill('SIGUSR2');
      for (let looks = 0; looks < LOOKS; looks += 1) {
        await sleep(LOOK_MS);
        const written = jsonIn(delays);
        if (written !== undefined) return written as Inside;
      }
      throw new Error('the probe did not write its file in time');
    },
    metric: async (name) => {
      const lines = (await (await page('/metrics')).text()).split('\n');
      const values = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    ready: () =>
      page('/readyz').then(
        ({ ok }) => ok,
        () => false,
      ),
    stop: async () => {
      stopping = true;
      process.off('exit', kill);
      const exited = new Promise((resolve) => child?.once('exit', resolve));
      child?.kill('SIGTERM');
      await exited;
      if (cgroup !== undefined) rmdirSync(cgroup);
    },
  };
}

function takenBy(pid: number): Taken | undefined {
  try {
    const { residentMiB, peakMiB } = figuresOf(pid);
    const open = readdirSync(`/proc/${pid}/fd`);
    const sockets = open.filter((name) => linkOf(`/proc/${pid}/fd/${name}`).startsWith('socket:'));
    const threads = readdirSync(`/proc/${pid}/task`).length;
    return { residentMiB, peakMiB, descriptors: open.length, sockets: sockets.length, threads };
  } catch {
    return undefined; // it has just ended
  }
}

/** `undefined` while it is not there, or not yet whole. */
function jsonIn(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}
