// npm run bench:copy: copies between two real registries in memory, through proxies that count requests and add latency:
// ours in a warm process, peers as whole processes. `-- --large` adds a layer of one GiB, between registries that keep it in files.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startDistribution, startOlareg, type Registry } from '../test/e2e/support/promotions/registries.ts';
import { pushShape, type Shape } from '../test/support/copy-shapes.ts';
import type { CopyOrder, CopyReport } from './copy-process.ts';
import { imageVariables } from './image-variables.ts';
import { findPeers, runPeer, type Peer } from './peers.ts';

const MIB = 1024 * 1024;
const large = process.argv.includes('--large');
/** Runs of which the report shows the median; of a GiB as many as fit into the memory of a small machine. */
const RUNS = large ? 3 : 5;
/** Copies after which a process counts as warm: connections open, most code compiled. */
const WARM_UPS = 5;
/** Width of what a row says it is. */
const WIDTH = 52;
/** Added to each request; beside a GiB it does not matter. */
const LATENCIES_MS = large ? [0] : [0, 20];

/** A registry behind its proxy. */
interface Endpoint {
  readonly registry: Registry;
  readonly proxy: ChildProcess;
  /** The proxy's host and port. */
  readonly host: string;
}

/** Where images come from, and where they go. */
type Endpoints = readonly [source: Endpoint, target: Endpoint];

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

async function open(begin: () => Promise<Registry>): Promise<Endpoint> {
  const registry = await begin();
  const proxy = start('latency-proxy.ts', [registry.host]);
  const [{ host }] = (await once(proxy, 'message')) as [{ host: string }];
  return { registry, proxy, host };
}

async function close({ registry, proxy }: Endpoint): Promise<void> {
  proxy.disconnect();
  await registry.stop();
}

/** Requests of a proxy since the last time, with the latency for those to come. */
async function count({ proxy }: Endpoint, latencyMs: number): Promise<number> {
  return (await ask<{ count: number }>(proxy, { latencyMs })).count;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function print({ who, what, requests, ms, peakMiB }: Row): void {
  const times = ms.map((one) => one.toFixed(0).padStart(8)).join('');
  const memory = peakMiB.toFixed(0).padStart(6);
  process.stdout.write(`${who.padEnd(10)}${what.padEnd(WIDTH)}${requests.padStart(9)}${times}${memory}\n`);
}

/** What is measured. */
interface Measured {
  readonly label: string;
  readonly shape: Shape;
  /** Of a layer. */
  readonly bytes: number;
}

let names = 0;
const freshName = (): string => `bench/copy-${String((names += 1))}`;

/** Pushes an image under this name, unless it was pushed before, and names it as the proxy has it. */
async function shipped(
  { shape, bytes }: Pick<Measured, 'shape' | 'bytes'>,
  { registry, host }: Endpoint,
  repository = freshName(),
): Promise<CopyOrder['from']> {
  const place = { registry: registry.host, repository, tag: 'v1' };
  if (!there.has(repository)) await pushShape(place, shape, { bytes, salt: repository });
  there.add(repository);
  return { registry: host, repository, tag: 'v1' };
}

const there = new Set<string>();

/** An image that no program has copied yet. Each program copies one of a GiB once, to a new target. */
function fresh(measured: Measured, source: Endpoint, n: number): Promise<CopyOrder['from']> {
  return shipped(measured, source, large ? `bench/large-${String(n)}` : freshName());
}

/** Does one thing over and over at each latency; `run` prepares, runs and answers what it took. */
async function measure(
  endpoints: readonly Endpoint[],
  label: Pick<Row, 'who' | 'what'>,
  run: (n: number, prepared: () => Promise<void>) => Promise<CopyReport>,
): Promise<void> {
  const ms: number[] = [];
  let peakMiB = 0;
  let requests = '';
  for (const latencyMs of LATENCIES_MS) {
    const times: number[] = [];
    for (let n = 0; n < RUNS; n += 1) {
      await Promise.all(endpoints.map((one) => count(one, 0)));
      const took = await run(n, async () => {
        await Promise.all(endpoints.map((one) => count(one, latencyMs)));
      });
      const counts = await Promise.all(endpoints.map((one) => count(one, 0)));
      requests = counts.join('+');
      times.push(took.ms);
      peakMiB = Math.max(peakMiB, took.peakMiB);
    }
    ms.push(median(times));
  }
  print({ ...label, requests, ms, peakMiB });
}

/** How one row of ours comes about: what is done, and what is done before it, which is not measured. */
interface OwnRow {
  readonly what: string;
  readonly as: CopyOrder['as'];
  readonly within?: 'one registry';
  readonly before?: (given: CopyOrder) => Promise<unknown>;
}

async function ours(measured: Measured, [source, target]: Endpoints): Promise<void> {
  // With the memory that the image gives it, which differs from the default of Node.js.
  const worker = start('copy-process.ts', [], await imageVariables());
  const [{ idleMiB }] = (await once(worker, 'message')) as [{ idleMiB: number }];
  const copy = (given: CopyOrder) => ask<CopyReport>(worker, given);
  const place = ({ host }: Endpoint) => ({ registry: host, repository: freshName(), tag: 'v1' });
  const small = { shape: 'image', bytes: MIB } as const;
  for (let n = 0; n < WARM_UPS; n += 1) {
    const from = await shipped(large ? small : measured, source);
    await copy({ from, to: place(target), as: n % 2 === 0 ? 'run' : 'copy' });
  }
  const besideAnother = async ({ to }: CopyOrder): Promise<unknown> =>
    copy({ from: await shipped(small, source), to: { ...to, tag: 'other' }, as: 'copy' });
  const rows: readonly OwnRow[] = [
    { what: 'cold', as: 'copy' },
    { what: 'mounted', as: 'copy', within: 'one registry' },
    { what: 'cold, run', as: 'run' },
    { what: 'cold, run, repository in use', as: 'run', before: besideAnother },
    { what: 'nothing new, run', as: 'run', before: copy },
  ];
  for (const { what, as, within, before } of large ? rows.slice(0, 1) : rows) {
    const run = async (n: number, prepared: () => Promise<void>): Promise<CopyReport> => {
      const from = await fresh(measured, source, n);
      const given = { from, to: place(within ? source : target), as };
      await before?.(given);
      await prepared();
      const { ms, peakMiB } = await copy(given);
      return { ms, peakMiB: peakMiB - idleMiB };
    };
    await measure([source, target], { who: 'pratique', what: `${measured.label}: ${what}` }, run);
  }
  worker.disconnect();
}

async function theirs(peer: Peer, measured: Measured, [source, target]: Endpoints): Promise<void> {
  for (const kind of large ? ['cold'] : ['cold', 'nothing new']) {
    const run = async (n: number, prepared: () => Promise<void>) => {
      const { registry, repository } = await fresh(measured, source, n);
      const [from, to] = [`${registry}/${repository}:v1`, `${target.host}/${freshName()}:v1`];
      if (kind === 'nothing new') await runPeer(peer, from, to);
      await prepared();
      return runPeer(peer, from, to);
    };
    await measure([source, target], { who: peer.name, what: `${measured.label}: ${kind}` }, run);
  }
}

const peers = await findPeers();
process.stdout.write(
  `node ${process.versions.node}, ${cpus().length} cores shared by all; requests = source+target\n`,
);
process.stdout.write(`peers here: ${peers.map(({ name }) => name).join(', ') || 'none'}\n\n`);
process.stdout.write(
  `${''.padEnd(10 + WIDTH)}${'requests'.padStart(9)}${'0 ms'.padStart(8)}${large ? '' : '20 ms'.padStart(8)}${'MiB'.padStart(6)}\n`,
);
const begin = large ? startDistribution : startOlareg;
const source = await open(begin);

/** Each program has a target of its own, so that none finds it fuller than another. */
async function withTarget(work: (endpoints: Endpoints) => Promise<void>): Promise<void> {
  const target = await open(begin);
  await work([source, target]).finally(() => close(target));
}

async function loadAll(measured: Measured): Promise<void> {
  for (let n = 0; n < RUNS; n += 1) await fresh(measured, source, n);
}

try {
  const shapes: readonly Measured[] = large
    ? [{ shape: 'large', label: 'one layer of 1 GiB', bytes: 1024 * MIB }]
    : [
        { shape: 'image', label: '(i) 6 blobs', bytes: MIB },
        { shape: 'index', label: '(ii) 4 platforms', bytes: MIB },
        { shape: 'attached', label: '(iii) with attachments', bytes: MIB },
      ];
  for (const measured of shapes) {
    // All before the first is measured, whose source would otherwise still be busy with what it has just taken in.
    if (large) await loadAll(measured);
    await withTarget((endpoints) => ours(measured, endpoints));
    for (const peer of peers) await withTarget((endpoints) => theirs(peer, measured, endpoints));
    process.stdout.write('\n');
  }
} finally {
  await close(source);
}
