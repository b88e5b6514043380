/** A source of numbers that is the same for the same seed. */
export interface Random {
  /** From 0 to below `limit`, an integer. */
  readonly below: (limit: number) => number;
  readonly pick: <T>(from: readonly [T, ...T[]]) => T;
  /** A source of its own for one part: what others draw does not change it. */
  readonly apart: (part: number) => Random;
}

/** Mulberry32: 32 bits of state are enough for a choice among scenarios. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    pick: ([first, ...rest]) => rest[below(rest.length + 1) - 1] ?? first,
    apart: (part) => randomOf(seed + 7_919 * (part + 1)),
  };
}
