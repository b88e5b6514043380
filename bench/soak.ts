// npm run soak -- [--minutes N] [--seed N]: mixed traffic, bad registries, rotating keys, policies and certificates against the bundled
// program as the image starts it. Loopback only, no cluster. Ends with 1 after a wrong decision, a death, growth, or a late answer.
import { parseArgs } from 'node:util';
import { soak } from './soak/soak.ts';

/** Long enough for slopes, short enough to be run by hand. */
const MINUTES = '10';
/** As shells report an interrupt. */
const STOPPED = 130;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: MINUTES },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes} is no number above 0`);
if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed} is no integer`);
// The processes that were started end with this one.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(STOPPED));
console.log(`${minutes} minutes, --seed ${seed}`);
const { failures } = await soak({ minutes, seed, print: (line) => console.log(line) });
process.exitCode = failures.length > 0 ? 1 : 0;
