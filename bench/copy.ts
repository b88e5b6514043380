// npm run bench:copy: copies between two real registries in memory, through proxies that count requests and add latency:
// ours in a warm process, peers as whole processes. `-- --large` adds a layer of one GiB, between registries that keep it in files.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startDistribution, startOlareg, type Registry } from '../test/e2e/support/registries.ts';
import { pushShape, type Shape } from '../test/support/copy-shapes.ts';
import type { CopyOrder, CopyTold } from './copy-process.ts';
import { imageVariables } from './image-variables.ts';
import { findPeers, runPeer, type Peer } from './peers.ts';

/** Runs of which the median is told. */
const RUNS = 5;
const MIB = 1024 * 1024;
const large = process.argv.includes('--large');
/** Added to each request; beside a GiB it does not matter. */
const LATENCIES_MS = large ? [0] : [0, 20];

/** A registry behind its proxy. */
interface Harbour {
  readonly registry: Registry;
  readonly proxy: ChildProcess;
  /** The proxy's host and port. */
  readonly host: string;
}

/** One row of the table. */
interface Row {
  readonly who: string;
  readonly what: string;
  readonly requests: string;
  readonly ms: readonly number[];
  readonly peakMiB: number;
}

function start(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...env },
  });
}

async function ask<T>(child: ChildProcess, message: object): Promise<T> {
  const done = new AbortController();
  const exit = once(child, 'exit', { signal: done.signal }).then(() => {
    throw new Error('a process of the benchmark ended');
  });
  exit.catch(() => undefined); // also when there is nothing to wait for any more
  const answer = once(child, 'message', { signal: done.signal });
  child.send(message);
  const [first] = (await Promise.race([answer, exit])) as [T];
  done.abort();
  return first;
}

async function open(begin: () => Promise<Registry>): Promise<Harbour> {
  const registry = await begin();
  const proxy = start('latency-proxy.ts', [registry.host]);
  const [{ host }] = (await once(proxy, 'message')) as [{ host: string }];
  return { registry, proxy, host };
}

async function close({ registry, proxy }: Harbour): Promise<void> {
  proxy.disconnect();
  await registry.stop();
}

/** Requests of a proxy since the last time, with the latency for those to come. */
async function count({ proxy }: Harbour, latencyMs: number): Promise<number> {
  return (await ask<{ count: number }>(proxy, { latencyMs })).count;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function print({ who, what, requests, ms, peakMiB }: Row): void {
  const times = ms.map((one) => one.toFixed(0).padStart(8)).join('');
  const memory = peakMiB.toFixed(0).padStart(6);
  process.stdout.write(`${who.padEnd(10)}${what.padEnd(42)}${requests.padStart(9)}${times}${memory}\n`);
}

/** What is measured, and how often. */
interface Measured {
  readonly label: string;
  readonly shape: Shape;
  /** Of a layer. */
  readonly bytes: number;
  readonly runs: number;
}

/** One of it is enough: nobody copies it twice to the same place, and none remembers it. */
let largeIsThere = false;
let names = 0;
const freshName = (): string => `bench/copy-${String((names += 1))}`;

/** Pushes an image that nobody has seen, past the proxy, and names it by the proxy. */
async function fresh(
  { shape, bytes }: Pick<Measured, 'shape' | 'bytes'>,
  { registry, host }: Harbour,
): Promise<CopyOrder['from']> {
  const repository = shape === 'large' ? 'bench/large' : freshName();
  if (shape === 'large' && largeIsThere) return { registry: host, repository, tag: 'v1' };
  largeIsThere ||= shape === 'large';
  const place = { registry: registry.host, repository, tag: 'v1' };
  await pushShape(place, shape, { bytes, salt: repository });
  return { registry: host, repository, tag: 'v1' };
}

/** Does one thing over and over at each latency; `once` prepares, runs and answers what it took. */
async function measure(
  harbours: readonly Harbour[],
  label: Pick<Row, 'who' | 'what'>,
  run: (prepared: () => Promise<void>) => Promise<CopyTold>,
  runs = RUNS,
): Promise<void> {
  const ms: number[] = [];
  let peakMiB = 0;
  let requests = '';
  for (const latencyMs of LATENCIES_MS) {
    const times: number[] = [];
    for (let n = 0; n < runs; n += 1) {
      await Promise.all(harbours.map((one) => count(one, 0)));
      const took = await run(async () => {
        await Promise.all(harbours.map((one) => count(one, latencyMs)));
      });
      const counts = await Promise.all(harbours.map((one) => count(one, 0)));
      requests = counts.join('+');
      times.push(took.ms);
      peakMiB = Math.max(peakMiB, took.peakMiB);
    }
    ms.push(median(times));
  }
  print({ ...label, requests, ms, peakMiB });
}

async function ours(measured: Measured, [source, target]: readonly [Harbour, Harbour]): Promise<void> {
  const { label, runs } = measured;
  // With the memory that the image gives it, which is not what Node.js takes where nobody says anything.
  const worker = start('copy-process.ts', [], await imageVariables());
  const [{ idleMiB }] = (await once(worker, 'message')) as [{ idleMiB: number }];
  const order = async (as: CopyOrder['as'], host = target.host): Promise<CopyOrder> => ({
    from: await fresh(measured, source),
    to: { registry: host, repository: freshName(), tag: 'v1' },
    as,
  });
  const copy = (given: CopyOrder) => ask<CopyTold>(worker, given);
  const small = { ...measured, shape: 'image', bytes: MIB } as const;
  await copy({ ...(await order('run')), from: await fresh(large ? small : measured, source) }); // warm: connections open, code compiled
  const rows: readonly (readonly [string, CopyOrder['as'], ((given: CopyOrder) => Promise<CopyOrder>)?])[] = [
    ['cold', 'copy'],
    ['mounted in one registry', 'copy', async () => order('copy', source.host)],
    ['cold, whole run', 'run'],
    ['cold, repository in use, whole run', 'run', besideAnother],
    ['nothing new, whole run', 'run', again],
  ];
  async function besideAnother(given: CopyOrder): Promise<CopyOrder> {
    await copy({ from: await fresh(small, source), to: { ...given.to, tag: 'other' }, as: 'copy' });
    return given;
  }
  async function again(given: CopyOrder): Promise<CopyOrder> {
    await copy(given);
    return given;
  }
  for (const [what, as, prepare] of large ? rows.slice(0, 1) : rows) {
    const run = async (prepared: () => Promise<void>): Promise<CopyTold> => {
      const first = await order(as);
      const given = (await prepare?.(first)) ?? first;
      await prepared();
      const { ms, peakMiB } = await copy(given);
      return { ms, peakMiB: peakMiB - idleMiB };
    };
    await measure([source, target], { who: 'pratique', what: `${label}: ${what}` }, run, runs);
  }
  worker.disconnect();
}

async function theirs(
  peer: Peer,
  measured: Measured,
  [source, target]: readonly [Harbour, Harbour],
): Promise<void> {
  const { label, runs } = measured;
  for (const kind of large ? ['cold'] : ['cold', 'nothing new']) {
    const run = async (prepared: () => Promise<void>) => {
      const { registry, repository } = await fresh(measured, source);
      const [from, to] = [`${registry}/${repository}:v1`, `${target.host}/${freshName()}:v1`];
      if (kind === 'nothing new') await runPeer(peer, from, to);
      await prepared();
      return runPeer(peer, from, to);
    };
    await measure([source, target], { who: peer.name, what: `${label}: ${kind}` }, run, runs);
  }
}

const peers = await findPeers();
process.stdout.write(
  `node ${process.versions.node}, ${cpus().length} cores shared by all; requests = source+target\n`,
);
process.stdout.write(`peers here: ${peers.map(({ name }) => name).join(', ') || 'none'}\n\n`);
process.stdout.write(
  `${''.padEnd(52)}${'requests'.padStart(9)}${'0 ms'.padStart(8)}${large ? '' : '20 ms'.padStart(8)}${'MiB'.padStart(6)}\n`,
);
const harbours = [
  await open(large ? startDistribution : startOlareg),
  await open(large ? startDistribution : startOlareg),
] as const;
try {
  const shapes: readonly (readonly [Shape, string, number])[] = large
    ? [['large', 'one layer of 1 GiB', 1024 * MIB]]
    : [
        ['image', '(i) 6 blobs', MIB],
        ['index', '(ii) 4 platforms', MIB],
        ['attached', '(iii) with attachments', MIB],
      ];
  for (const [shape, label, bytes] of shapes) {
    const measured = { shape, label, bytes, runs: large ? 1 : RUNS };
    await ours(measured, harbours);
    for (const peer of peers) await theirs(peer, measured, harbours);
    process.stdout.write('\n');
  }
} finally {
  await Promise.all(harbours.map(close));
}
