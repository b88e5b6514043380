// npm run bench:admission: decisions of the built webhook over HTTPS on loopback, cold and warm, for pods of 1 and 10
// images with one key signature each, with the requests the registry saw. Registry, load and webhook share this machine.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { Agent } from 'undici';
import { startRegistry } from '../test/support/registry/index.ts';
import { pushImage, type Target } from '../test/support/registry/push.ts';
import { podReview } from '../test/support/reviews.ts';
import { pushBundleSignature, pushLegacySignature } from '../test/support/signed-images.ts';
import { signingKey } from '../test/support/signing.ts';
import { startWebhookProcess } from '../test/support/webhook-process.ts';
import { post, type Measured } from './load.ts';

/** Decisions of one cold row: each needs images of its own. */
const COLD = 150;
/** Decisions of one warm row. */
const WARM = 3_000;
/** Ticks a second in /proc, on every Linux that Node.js runs on. */
const TICKS = 100;

const key = signingKey();
const registry = await startRegistry();
const policy = {
  apiVersion: 'pratique.dev/v1alpha1',
  kind: 'ImagePolicy',
  metadata: { name: 'signed' },
  spec: {
    match: { images: ['**'] },
    authorities: [{ name: 'release', key: { pem: key.pem } }],
    require: { signatures: { from: ['release'] } },
  },
};
const program = new URL('../dist/main.js', import.meta.url).pathname;
const started = performance.now();
const webhook = await startWebhookProcess({ 'policy.json': JSON.stringify(policy) }, program);
const startMs = performance.now() - started;
const dispatcher = new Agent({ connect: { ca: webhook.ca }, connections: 16 });
const url = `${webhook.url}/validate?timeout=10s`;
let pushed = 0;

type Form = 'legacy' | 'bundle' | 'unsigned';

async function pushOne(form: Form): Promise<{ readonly digest: string; readonly tag: string }> {
  pushed += 1;
  const target: Target = { registry: registry.host, repository: `bench/image-${pushed}`, tag: 'v1' };
  const image = await pushImage(target, { salt: String(pushed) });
  if (form === 'legacy') await pushLegacySignature(target, image, key);
  if (form === 'bundle') await pushBundleSignature(target, image, key);
  return { digest: image.reference, tag: `${registry.host}/${target.repository}:v1` };
}

async function pods(
  count: number,
  images: number,
  form: Form,
  by: 'digest' | 'tag',
): Promise<readonly string[]> {
  const bodies: string[] = [];
  for (let pod = 0; pod < count; pod++) {
    const refs: string[] = [];
    for (let image = 0; image < images; image++) refs.push((await pushOne(form))[by]);
    bodies.push(JSON.stringify(podReview(refs)));
  }
  return bodies;
}

function cpuSeconds(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const [, fields = ''] = readFileSync(`/proc/${webhook.pid}/stat`, 'utf8').split(') ');
  const [utime = 0, stime = 0] = fields.split(' ').slice(11, 13).map(Number);
  return (utime + stime) / TICKS;
}

function residentMiB(): string {
  if (process.platform !== 'linux') return '?';
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${webhook.pid}/status`, 'utf8'))?.[1];
  return (Number(kib) / 1024).toFixed(0);
}

interface Row {
  readonly name: string;
  readonly bodies: readonly string[];
  readonly parallel: number;
  readonly allowed: boolean;
  /** Times the bodies are posted over again. */
  readonly total: number;
}

async function row({ name, bodies, parallel, allowed, total }: Row): Promise<void> {
  const seen = registry.requests.length;
  const before = cpuSeconds();
  const body = (n: number) => (n < total ? bodies[n % bodies.length] : undefined);
  const measured: Measured = await post({ url, dispatcher, body, parallel }, allowed);
  const after = cpuSeconds();
  const requests = (registry.requests.length - seen) / measured.decisions;
  const cpu =
    before === undefined || after === undefined ? '?' : ((after - before) * 1_000) / measured.decisions;
  const cells = [
    name.padEnd(44),
    String(parallel).padStart(8),
    requests.toFixed(2).padStart(9),
    (typeof cpu === 'number' ? cpu.toFixed(2) : cpu).padStart(7),
    measured.perSecond.toFixed(0).padStart(8),
    measured.p50.toFixed(1).padStart(8),
    measured.p99.toFixed(1).padStart(8),
  ];
  process.stdout.write(`${cells.join(' ')}\n`);
}

async function rowsFor(images: number): Promise<void> {
  const count = COLD / images;
  const total = WARM / images;
  const of = images === 1 ? '1 image' : `${images} images`;
  for (const form of ['legacy', 'bundle'] as const) {
    const bodies = await pods(count, images, form, 'digest');
    const given = { bodies, allowed: true };
    await row({ ...given, name: `cold, ${of}, ${form}, by digest`, parallel: 1, total: count });
    await row({ ...given, name: `warm, ${of}, ${form}, by digest`, parallel: 1, total });
    await row({ ...given, name: `warm, ${of}, ${form}, by digest`, parallel: 16, total });
  }
  const given = { bodies: await pods(count, images, 'legacy', 'tag'), allowed: true };
  await row({ ...given, name: `cold, ${of}, legacy, by tag`, parallel: 1, total: count });
  await row({ ...given, name: `warm, ${of}, legacy, by tag`, parallel: 16, total });
}

try {
  process.stdout.write(
    `node ${process.versions.node}, ${cpus().length} cores shared by webhook, registry and load; ready ${startMs.toFixed(0)} ms after start\n\n` +
      `${'pods with one key signature an image'.padEnd(44)} parallel  requests  CPU ms    /s   p50 ms   p99 ms\n`,
  );
  await post(
    { url, dispatcher, body: (n) => (n < 50 ? JSON.stringify(podReview(['::'])) : undefined), parallel: 1 },
    false,
  );
  for (const images of [1, 10]) await rowsFor(images);
  const unsigned = await pods(COLD, 1, 'unsigned', 'digest');
  await row({
    name: 'cold, 1 image, unsigned, by digest',
    bodies: unsigned,
    parallel: 1,
    allowed: false,
    total: COLD,
  });
  await row({
    name: 'warm, 1 image, unsigned, by digest',
    bodies: unsigned,
    parallel: 16,
    allowed: false,
    total: WARM,
  });
  const one = await pods(1, 1, 'legacy', 'digest');
  await row({
    name: 'burst: 1,000 reviews of one cold image',
    bodies: one,
    parallel: 1_000,
    allowed: true,
    total: 1_000,
  });
  process.stdout.write(`\nresident memory of the webhook at the end: ${residentMiB()} MiB\n`);
} finally {
  await dispatcher.close();
  await webhook.close();
  await registry.close();
}
