/** A stream of numbers that a seed determines: the same seed gives the same inputs on every machine. */
export interface Random {
  /** A whole number from 0 to below `below`. */
  readonly below: (below: number) => number;
  /** One of them. */
  readonly pick: <T>(from: readonly T[]) => T;
  /** Whether the one case in so many has come. */
  readonly oneIn: (cases: number) => boolean;
}

/** Makes the stream of a seed and a name: mulberry32, started by a hash of both (FNV-1a). */
export function createRandom(seed: number, name: string): Random {
  let state = Buffer.from(`${String(seed)} ${name}`).reduce(
    (hash, byte) => Math.imul(hash ^ byte, 0x01000193),
    0x811c9dc5,
  );
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (most: number): number => Math.floor(next() * most);
  return {
    below,
    pick: <T>(from: readonly T[]): T => from[below(from.length)]!,
    oneIn: (cases) => below(cases) === 0,
  };
}
