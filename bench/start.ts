// npm run bench:start: how long the program takes until it answers, compiled beside its node_modules and as the bundle of the
// image, with the variables that the image sets.
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startWebhookProcess } from '../test/support/webhook-process.ts';
import { imageVariables } from './image-variables.ts';
import { figuresOf } from './figures.ts';

/** Starts of each kind; the report shows the median. */
const STARTS = 9;
const root = new URL('..', import.meta.url).pathname;
const POLICY = {
  apiVersion: 'pratique.dev/v1alpha1',
  kind: 'ImagePolicy',
  metadata: { name: 'all' },
  spec: { match: { images: ['**'] }, require: { lifecycle: {} } },
};

const run = promisify(execFile);
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[STARTS >> 1] ?? NaN;

async function measure(name: string, program: string): Promise<void> {
  const versions: number[] = [];
  const serves: number[] = [];
  const resident: number[] = [];
  for (let n = 0; n < STARTS; n++) {
    let begun = performance.now();
    await run(process.execPath, [program, 'version']);
    versions.push(performance.now() - begun);
    begun = performance.now();
    const webhook = await startWebhookProcess({ 'policy.json': JSON.stringify(POLICY) }, program);
    serves.push(performance.now() - begun);
    resident.push(figuresOf(webhook.pid).residentMiB);
    await webhook.close();
  }
  const cells = [median(versions), median(serves), median(resident)].map((value) =>
    value.toFixed(0).padStart(12),
  );
  process.stdout.write(`${name.padEnd(28)}${cells.join('')}\n`);
}

/** Bytes of what gets into the image. */
async function bundleBytes(): Promise<number> {
  const folder = join(root, 'dist', 'bundle');
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && !entry.name.endsWith('.map'),
  );
  const sizes = await Promise.all(files.map((file) => stat(join(file.parentPath, file.name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

Object.assign(process.env, await imageVariables());
process.stdout.write(
  `node ${process.versions.node}; the bundle has ${((await bundleBytes()) / 1e6).toFixed(1)} MB\n\n`,
);
process.stdout.write(`${''.padEnd(28)}  version, ms   serve, ms  RSS, MiB\n`);
await measure('compiled, with node_modules', join(root, 'dist', 'main.js'));
await measure('bundled', join(root, 'dist', 'bundle', 'pratique.js'));
