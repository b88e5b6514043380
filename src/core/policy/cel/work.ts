import type { RE2JS } from 're2js';
import { TEXT_PER_UNIT } from './limits.ts';

/** Ends an evaluation or a conversion: there is more to do than Pratique is willing to, or the value is no JSON. */
export class Stop extends Error {
  readonly kind: 'limit' | 'failed';

  constructor(kind: 'limit' | 'failed', why: string) {
    super(why);
    this.name = 'Stop';
    this.kind = kind;
  }
}

/**
 * The work of one evaluation. It is a class because the evaluator distinguishes types by constructor. It remembers that
 * it ran out because `||`, `all` and `exists` forgive an error of one operand.
 */
export class Work {
  readonly patterns: readonly RE2JS[];
  #left: number;
  readonly #stop = new Stop(
    'limit',
    'the condition takes more work than is allowed for a predicate of this size',
  );

  constructor(patterns: readonly RE2JS[], most: number) {
    this.patterns = patterns;
    this.#left = most;
  }

  get ended(): Stop | undefined {
    return this.#left < 0 ? this.#stop : undefined;
  }

  /** Accounts for `units` of work; throws the one {@link Stop} once there were too many, and on every call after that. */
  spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw this.#stop;
  }

  /** Accounts for every value and all text inside `value`; stops as soon as it is too much. */
  spendWhole(value: unknown): void {
    this.spend(typeof value === 'string' ? textWork(value) : 1);
    if (Array.isArray(value)) for (const item of value) this.spendWhole(item);
    if (value instanceof Map) for (const item of value.values()) this.spendWhole(item);
  }
}

export function textWork(text: string): number {
  return 1 + Math.ceil(text.length / TEXT_PER_UNIT);
}
