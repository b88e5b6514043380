/**
 * Tries changed inputs on everything that reads what strangers wrote (test/fuzz/targets).
 *
 *   npm run fuzz -- --seconds 60                  all targets, a minute in all
 *   npm run fuzz -- --target manifest --seed 7    the inputs of one target that this seed makes
 *
 * Prints for each target how many inputs it tried and what it found; the exit code is 1 where it found anything. An input that was
 * found is written to test/fuzz/found/TARGET/, where `npm test` tries it again from then on.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FOUND } from './corpus.ts';
import { TARGETS } from './targets/index.ts';
import { createWatched, type WatchedResult } from './watched.ts';

/** Processes side by side. */
const PROCESSES = 2;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    target: { type: 'string' },
  },
});

function number(flag: 'seconds' | 'seed'): number {
  const value = Number(options[flag]);
  if (Number.isFinite(value) && value >= 0) return value;
  console.error(`--${flag} is not a number: ${options[flag]}`);
  process.exit(2);
}

const [seconds, seed] = [number('seconds'), number('seed')];
const wanted = TARGETS.filter(({ name }) => options.target === undefined || name === options.target);
if (wanted.length === 0) {
  console.error(`--target is none of ${TARGETS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const each = (seconds * Math.min(PROCESSES, wanted.length)) / wanted.length;
const names = wanted.map(({ name }) => name);
console.log(`seed ${String(seed)}, ${String(names.length)} targets, ${each.toFixed(1)} s each`);
let inputs = 0;
let findings = 0;
await Promise.all(
  Array.from({ length: PROCESSES }, async () => {
    const watched = createWatched();
    for (let target = names.shift(); target !== undefined; target = names.shift()) {
      report(await watched.run({ target, seed, seconds: each }));
    }
    watched.end();
  }),
);
console.log(`${String(inputs)} inputs, ${String(findings)} findings, seed ${String(seed)}`);
process.exitCode = findings > 0 ? 1 : 0;

function report(result: WatchedResult): void {
  const rate = Math.round(result.inputs / Math.max(result.seconds, 0.001));
  const counts = `${String(result.inputs).padStart(8)} inputs ${String(rate).padStart(7)}/s`;
  const more = `${String(result.labels).padStart(4)} outcomes, ${String(result.findings.length)} findings`;
  console.log(`${result.target.padEnd(24)} ${counts} ${more}`);
  inputs += result.inputs;
  findings += result.findings.length;
  for (const { target, why, input } of result.findings) {
    const folder = join(FOUND, target);
    mkdirSync(folder, { recursive: true });
    const name = `${createHash('sha256').update(input).digest('hex').slice(0, 12)}.input`;
    writeFileSync(join(folder, name), input);
    console.log(`  ${why}\n  in test/fuzz/found/${target}/${name}, ${String(input.byteLength)} bytes`);
  }
}
