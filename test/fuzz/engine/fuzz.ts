import { minimise } from './minimise.ts';
import { mutateJson } from './mutate-json.ts';
import { mutateText } from './mutate-text.ts';
import { createRandom, type Random } from './random.ts';
import type { Target } from './target.ts';

/** Milliseconds of processor time that one input may take: inputs have tens of KiB, and the main thread waits for many of them. */
export const MAX_INPUT_MS = 250;
const SLOW = `takes more than ${MAX_INPUT_MS} ms`;
/** Different findings of one target in one run; more are of the same kind as a rule. */
const MAX_FINDINGS = 5;
/** Most inputs that are kept because they led somewhere new. */
const MAX_POOL = 400;

/** An input that breaks the law of its target. */
export interface Finding {
  readonly target: string;
  readonly why: string;
  readonly input: Uint8Array;
}

/** What one target did in its time. */
export interface FuzzResult {
  readonly target: string;
  readonly inputs: number;
  readonly labels: number;
  readonly seconds: number;
  readonly findings: readonly Finding[];
}

/** What one run is given. */
export interface FuzzRun {
  readonly target: Target;
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  readonly seconds: number;
  /** Different findings after which it ends. */
  readonly most?: number;
  /** Sees each input before it is tried: who watches this process finds there what it died of. */
  readonly before?: (input: Uint8Array) => void;
}

/** Why an input breaks the law; its label where it does not. */
export async function tryInput(target: Target, input: Uint8Array): Promise<{ why?: string; label: string }> {
  const started = performance.now();
  try {
    const answer = target.check(input);
    const label = typeof answer === 'string' ? answer : await answer;
    const isSlow = performance.now() - started > MAX_INPUT_MS && (await isSlowAgain(target, input));
    return isSlow ? { why: SLOW, label: 'slow' } : { label };
  } catch (error) {
    return { why: describe(error), label: 'failed' };
  }
}

/** Other programs can take the processor away: what counts is the time that the input itself takes, at best. */
async function isSlowAgain(target: Target, input: Uint8Array): Promise<boolean> {
  for (let left = 2; left > 0; left -= 1) {
    const before = process.cpuUsage();
    await target.check(input);
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1_000 < MAX_INPUT_MS) return false;
  }
  return true;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `throws ${String(error)}`;
  const where = /\((?:file:\/\/)?[^()]*\/((?:src|node_modules|test)\/[^():]*)/.exec(error.stack ?? '')?.[1];
  return error.name === 'BrokenLaw'
    ? error.message
    : `throws ${error.name}: ${error.message} (${where ?? '?'})`;
}

/** Tries changed inputs of the corpus for so many seconds. */
export async function fuzz({
  target,
  corpus,
  seed,
  seconds,
  most = MAX_FINDINGS,
  before,
}: FuzzRun): Promise<FuzzResult> {
  const random = createRandom(seed, target.name);
  const pool = corpus.map(textOf);
  const labels = new Set<string>();
  const found = new Map<string, Finding>();
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1_000;
  let inputs = 0;
  while (elapsed() < seconds && found.size < most) {
    const input = inputs < corpus.length ? corpus[inputs]! : next(pool, target.form, random);
    inputs += 1;
    before?.(input);
    const { why, label } = await tryInput(target, input);
    if (why !== undefined) {
      const kind = kindOf(why);
      if (!found.has(kind)) found.set(kind, await smallest(target, input, why, before));
    } else if (!labels.has(label)) {
      labels.add(label);
      if (pool.length < MAX_POOL) pool.push(textOf(input));
    }
  }
  return {
    target: target.name,
    inputs,
    labels: labels.size,
    seconds: elapsed(),
    findings: [...found.values()],
  };
}

async function smallest(
  target: Target,
  input: Uint8Array,
  why: string,
  before: FuzzRun['before'],
): Promise<Finding> {
  if (why === SLOW) return { target: target.name, why, input }; // each try takes as long
  const kind = kindOf(why);
  const small = await minimise(input, target.form, async (smaller) => {
    before?.(smaller);
    const { why: again } = await tryInput(target, smaller);
    return again !== undefined && kindOf(again) === kind;
  });
  const { why: last = why } = await tryInput(target, small);
  return { target: target.name, why: last, input: small };
}

/** Findings that differ in numbers and quoted texts only are one. */
function kindOf(why: string): string {
  return why.replaceAll(/\d+|"[^"]*"/g, '#').slice(0, 100);
}

/** The document of a text; `undefined` where it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function next(pool: readonly string[], form: Target['form'], random: Random): Uint8Array {
  const text = random.pick(pool);
  const document = form === 'json' ? parse(text) : undefined;
  const changed =
    document === undefined
      ? mutateText(text, random, () => random.pick(pool))
      : mutateJson(document, random, () => parse(random.pick(pool)) ?? null);
  return random.oneIn(50) ? damaged(Buffer.from(changed), random) : Buffer.from(changed);
}

function textOf(input: Uint8Array): string {
  return new TextDecoder().decode(input);
}

/** Bytes that are no UTF-8, as a rule. */
function damaged(bytes: Buffer, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}
