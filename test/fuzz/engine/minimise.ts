import { get, placesIn, set, type Place } from './mutate-json.ts';

/** Whether an input still fails in the same way. */
type Fails = (input: Uint8Array) => Promise<boolean>;

/** Most tries. */
const MAX_TRIES = 1_500;
/** Most milliseconds for all of them: what is slow to try stays as it is. */
const MAX_MS = 3_000;

/** A smaller input that fails in the same way: first parts of the document are left out, then pieces of the text. */
export async function minimise(input: Uint8Array, form: 'json' | 'text', fails: Fails): Promise<Uint8Array> {
  const tries = { left: MAX_TRIES, end: performance.now() + MAX_MS };
  const tried = async (text: string): Promise<boolean> => {
    tries.left -= 1;
    return tries.left > 0 && performance.now() < tries.end && (await fails(Buffer.from(text)));
  };
  const text = new TextDecoder().decode(input);
  if (!(await tried(text))) return input;
  const smaller = form === 'json' ? await withoutParts(text, tried) : text;
  return Buffer.from(await withoutPieces(smaller, tried));
}

async function withoutParts(text: string, fails: (text: string) => Promise<boolean>): Promise<string> {
  let best = text;
  for (let at = 0; ;) {
    const root: { document: unknown } = { document: parse(best) };
    const place = placesIn(root)[at];
    if (place === undefined) return best;
    const smaller = await lessAt(place, () => JSON.stringify(root.document ?? null), best.length, fails);
    if (smaller === undefined) at += 1;
    else best = smaller;
  }
}

/** The text with something smaller at this place, or with nothing there; `undefined` where it does not fail then. */
async function lessAt(
  place: Place,
  write: () => string,
  length: number,
  fails: (text: string) => Promise<boolean>,
): Promise<string | undefined> {
  const value = get(place);
  const isLarge = (typeof value === 'object' && value !== null) || String(value).length > 8;
  for (const less of [undefined, ...(isLarge ? [null, '', {}, []] : [])]) {
    set(place, less);
    const shorter = write();
    if (shorter.length < length && (await fails(shorter))) return shorter;
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

async function withoutPieces(text: string, fails: (text: string) => Promise<boolean>): Promise<string> {
  let best = text;
  for (let size = best.length >> 1; size >= 1; size >>= 1)
    for (let at = 0; at < best.length;) {
      const shorter = best.slice(0, at) + best.slice(at + size);
      if (await fails(shorter)) best = shorter;
      else at += size;
    }
  return best;
}
