import { get, placesIn, set, type Place } from './mutate-json.ts';

/** Whether an input still fails in the same way. */
type Fails = (input: Uint8Array) => Promise<boolean>;

/** Most tries. */
const MAX_TRIES = 1_500;
/** Most milliseconds for all of them: what is slow to try stays as it is. */
const MAX_MS = 3_000;

/** A smaller input that fails in the same way: first parts of the document are left out, then pieces of the text. */
export async function minimise(input: Uint8Array, form: 'json' | 'text', fails: Fails): Promise<Uint8Array> {
  const end = performance.now() + MAX_MS;
  let left = MAX_TRIES;
  const tries: Tries = {
    isOver: () => left <= 0 || performance.now() >= end,
    fail: async (text) => {
      left -= 1;
      return fails(Buffer.from(text));
    },
  };
  const text = new TextDecoder().decode(input);
  if (!(await tries.fail(text))) return input;
  const smaller = form === 'json' ? await withoutParts(text, tries) : text;
  return Buffer.from(await withoutPieces(smaller, tries));
}

interface Tries {
  readonly isOver: () => boolean;
  /** Whether this text still fails. */
  readonly fail: (text: string) => Promise<boolean>;
}

async function withoutParts(text: string, tries: Tries): Promise<string> {
  let best = text;
  for (let at = 0; ;) {
    if (tries.isOver()) return best;
    const root: { document: unknown } = { document: parse(best) };
    const place = placesIn(root)[at];
    if (place === undefined) return best;
    const smaller = await lessAt(place, () => JSON.stringify(root.document ?? null), best.length, tries);
    if (smaller === undefined) at += 1;
    else best = smaller;
  }
}

/** The text with something smaller at this place, or with nothing there; `undefined` where it does not fail then. */
async function lessAt(
  place: Place,
  write: () => string,
  length: number,
  tries: Tries,
): Promise<string | undefined> {
  const value = get(place);
  const isLarge = (typeof value === 'object' && value !== null) || String(value).length > 8;
  for (const less of [undefined, ...(isLarge ? [null, '', {}, []] : [])]) {
    set(place, less);
    const shorter = write();
    if (shorter.length < length && (await tries.fail(shorter))) return shorter;
  }
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function withoutPieces(text: string, tries: Tries): Promise<string> {
  let best = text;
  for (let size = best.length >> 1; size >= 1; size >>= 1)
    for (let at = 0; at < best.length;) {
      if (tries.isOver()) return best;
      const shorter = best.slice(0, at) + best.slice(at + size);
      if (await tries.fail(shorter)) best = shorter;
      else at += size;
    }
  return best;
}
