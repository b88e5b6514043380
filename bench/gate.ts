// npm run bench:gate: what a pull through the gate costs, beside the bare registry and beside other programs that pass pulls on.
// `-- --whole` lets the parallel downloads go to their end; without, they end after half a minute. `-- --only manifests` (blobs,
// memory, burst) measures one part.
import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startDistribution } from '../test/e2e/support/promotions/registries.ts';
import { openWorkspace } from '../test/e2e/support/programs/workspace.ts';
import { pushImage, type Target } from '../test/support/registry/push.ts';
import { pushLegacySignature } from '../test/support/signed-images.ts';
import { signingKey } from '../test/support/signing.ts';
import { figuresOf } from './figures.ts';
import type { Order, Report } from './gate/client.ts';
import type { Ready, World } from './gate/upstream.ts';
import { ask, peakDuring, start, startGate, startProxy, type Program } from './gate/world.ts';

const { values: asked } = parseArgs({
  options: { whole: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const MIB = 1024 * 1024;
/** Blobs of the throughput, each pulled once by each program that stores what it has passed on. */
const BLOBS = { count: 8, bytes: 256 * MIB };
/** Manifests of one row: rounds, in which the programs take turns, of so many requests. */
const MANIFESTS = { rounds: 10, requests: 60 };
const DOWNLOADS = { count: 200, slow: 50, layerBytes: 1024 * MIB, forMs: asked.whole ? undefined : 30_000 };
const CALLERS = 1_000;
/** Milliseconds after which a process counts as idle. */
const REST_MS = 3_000;

const print = (text = ''): void => void process.stdout.write(`${text}\n`);
const at = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
const isAsked = (part: string): boolean => asked.only === undefined || asked.only === part;

const workspace = await openWorkspace('bench-gate');
const client = start('client.ts');
const order = async (what: Order): Promise<Report> => {
  const report = await ask<Report>(client, what);
  const wrong = Object.keys(report.statuses).filter((status) => !['200', 'none'].includes(status));
  if (wrong.length > 0)
    throw new Error(
      `unexpected answers: ${JSON.stringify(report.statuses)} of ${JSON.stringify(what).slice(0, 120)}`,
    );
  return report;
};

/** An image of {@link BLOBS}, signed, in a real registry that keeps files in memory. */
async function fill(registry: string, key: ReturnType<typeof signingKey>) {
  const target: Target = { registry, repository: 'bench/app', tag: 'v1' };
  const mediaType = 'application/vnd.oci.image.layer.v1.tar';
  const layers = Array.from({ length: BLOBS.count }, () => ({ mediaType, bytes: randomBytes(BLOBS.bytes) }));
  const image = await pushImage(target, { layers });
  await pushLegacySignature(target, image, key);
  const { layers: pushed } = image.body as { layers: readonly { digest: string }[] };
  return { digest: image.digest, layers: pushed.map(({ digest }) => digest) };
}

async function manifests(programs: readonly Program[], digest: string): Promise<void> {
  print(`manifest, warm, ms:                      by tag          by digest`);
  print(`                                     p50     p95      p50     p95`);
  const names = ['v1', digest];
  const times = new Map<string, number[]>();
  const measure = async ({ name, base }: Program, tag: string, isWarm: boolean): Promise<void> => {
    const urls = Array.from({ length: MANIFESTS.requests }, () => `${base}bench/app/manifests/${tag}`);
    const { ms } = await order({ do: 'ask', urls });
    // The first of a round opens a connection.
    if (isWarm) times.set(`${name} ${tag}`, [...(times.get(`${name} ${tag}`) ?? []), ...ms.slice(1)]);
  };
  const turns = programs.flatMap((program) => names.map((tag) => ({ program, tag })));
  for (let round = 0; round < MANIFESTS.rounds + 2; round += 1)
    for (const { program, tag } of turns) await measure(program, tag, round > 1);
  for (const { name } of programs) {
    const figures = names.map((tag) => times.get(`${name} ${tag}`) ?? []);
    const columns = figures.map(
      (all) => `${at(all, 0.5).toFixed(2).padStart(8)}${at(all, 0.95).toFixed(2).padStart(8)} `,
    );
    print(`${name.padEnd(32)}${columns.join('')}`);
  }
  print();
}

async function blobs(programs: readonly Program[], layers: readonly string[]): Promise<void> {
  print(
    `one blob of ${String(BLOBS.bytes / MIB)} MiB, one after the other:   MiB a second        CPU ms of the program`,
  );
  print(`                                 median  best quarter`);
  const runs = new Map<string, { ms: number; cpu: number }[]>();
  const measure = async ({ name, base, pid }: Program, digest: string, label = name): Promise<void> => {
    const before = figuresOf(pid).cpuSeconds;
    const { ms } = await order({ do: 'download', urls: [`${base}bench/app/blobs/${digest}`] });
    const cpu = (figuresOf(pid).cpuSeconds - before) * 1_000;
    runs.set(label, [...(runs.get(label) ?? []), { ms: ms[0] ?? 0, cpu }]);
  };
  for (const digest of layers)
    for (const program of programs) {
      const stores = !['registry', 'gate'].includes(program.name);
      await measure(program, digest, stores ? `${program.name}, first time` : program.name);
      if (stores) {
        await sleep(500); // it may still store what it has sent
        await measure(program, digest, `${program.name}, stored`);
      }
    }
  for (const [label, all] of runs) {
    const speed = (share: number): string =>
      (
        BLOBS.bytes /
        MIB /
        (at(
          all.map(({ ms }) => ms),
          share,
        ) /
          1_000)
      )
        .toFixed(0)
        .padStart(9);
    const cpu =
      label === 'registry'
        ? ''
        : at(
            all.map((one) => one.cpu),
            0.5,
          )
            .toFixed(0)
            .padStart(16);
    print(`${label.padEnd(30)}${speed(0.5)}${speed(0.25)}${cpu}`);
  }
  print();
}

async function memory(gate: Program, layer: string): Promise<void> {
  const url = (name: string, what: string): string => `${gate.base}${name}/${what}`;
  await order({ do: 'ask', urls: [url('zeros/warm', 'manifests/v1')] });
  await sleep(REST_MS);
  const idle = figuresOf(gate.pid).residentMiB;
  const { count, slow, forMs } = DOWNLOADS;
  const urls = Array.from({ length: count }, () => url('zeros/warm', `blobs/${layer}`));
  const order200: Order = {
    do: 'download',
    urls,
    slow: asked.whole ? 0 : slow,
    ...(forMs !== undefined && { forMs }),
  };
  const [report, peak] = await peakDuring(gate.pid, () => order(order200));
  const seconds = (report.ms[0] ?? 0) / 1_000;
  print(
    `${count} downloads of 1 GiB at once${asked.whole ? '' : `, ${slow} of them slow`}: idle ${idle.toFixed(0)} MiB, peak ${peak.toFixed(0)} MiB, +${(peak - idle).toFixed(0)}; ` +
      `${(report.bytes / MIB / seconds).toFixed(0)} MiB a second for ${seconds.toFixed(0)} s, ${report.statuses['200'] ?? 0} begun, ${report.whole} whole`,
  );
  const [stalled, heldPeak] = await peakDuring(gate.pid, () =>
    order({ do: 'download', urls, slow: count, forMs: 10_000 }),
  );
  print(
    `${count} slow readers at once: peak ${heldPeak.toFixed(0)} MiB, +${(heldPeak - idle).toFixed(0)}; ${(stalled.bytes / MIB).toFixed(0)} MiB read by them, ${stalled.statuses['200'] ?? 0} begun`,
  );
  print();
}

async function oneLook(gate: Program, upstream: ReturnType<typeof start>): Promise<void> {
  const count = () => ask<Record<string, number>>(upstream, 'count');
  const url = (name: string): string => `${gate.base}zeros/${name}/manifests/v1`;
  await count();
  await order({ do: 'ask', urls: [url('cold-1')] });
  const one = await count();
  const { ms } = await order({ do: 'burst', url: url('cold-2'), times: CALLERS });
  const all = await count();
  print(`requests to the registry for one cold image (${(ms[0] ?? 0).toFixed(0)} ms for all callers):`);
  print(`                                 one caller   ${CALLERS} callers`);
  for (const kind of Object.keys({ ...one, ...all }).sort())
    print(`${kind.padEnd(32)}${String(one[kind] ?? 0).padStart(11)}${String(all[kind] ?? 0).padStart(15)}`);
}

try {
  print(`node ${process.versions.node}, ${cpus().length} cores shared by all`);
  print();
  if (isAsked('manifests') || isAsked('blobs')) {
    const key = signingKey();
    const registry = await startDistribution();
    const { digest, layers } = await fill(registry.host, key);
    const bare = {
      name: 'registry',
      pid: process.pid,
      base: `http://${registry.host}/v2/`,
      stop: () => registry.stop(),
    };
    const gate = await startGate(workspace, { name: 'gate', registry: registry.host, pems: [key.pem] });
    const proxies = await Promise.all(
      (['distribution', 'zot'] as const).map((name) => startProxy(workspace, name, registry.host)),
    );
    const programs = [bare, gate, ...proxies.filter((one) => one !== undefined)];
    if (isAsked('manifests')) await manifests(programs, digest);
    else await order({ do: 'ask', urls: [`${gate.base}bench/app/manifests/v1`] });
    if (isAsked('blobs')) await blobs(programs, layers);
    for (const { stop } of programs) await stop();
  }
  if (isAsked('memory') || isAsked('burst')) {
    const upstream = start('upstream.ts');
    const names = ['warm', 'cold-1', 'cold-2'].map((name) => `zeros/${name}`);
    const world: World = { names, layerBytes: DOWNLOADS.layerBytes };
    process.once('exit', () => upstream.kill());
    const { host, layer, pem } = await ask<Ready>(upstream, world);
    const gate = await startGate(workspace, { name: 'gate-zeros', registry: host, pems: [pem] });
    if (isAsked('burst')) await oneLook(gate, upstream);
    if (isAsked('memory')) await memory(gate, layer);
    await gate.stop();
    upstream.kill();
  }
} finally {
  client.kill();
  await workspace.close();
}
