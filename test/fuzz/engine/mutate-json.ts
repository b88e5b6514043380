import { mutateText, MAX_INPUT_LENGTH } from './mutate-text.ts';
import type { Random } from './random.ts';

/** A place in a document: the object or list that has it, and under which key. */
export interface Place {
  readonly holder: object;
  readonly key: string;
}

/** Values of every type, among them those that look like another one. */
const ODD: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1, 2, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 53, 2 ** 53 + 2, 4 * 1024 ** 3],
  ...['', ' ', '0', 'null', 'x', '\0', '\n', '\u2028', '__proto__', [], {}, [[]], [{}], [null], { a: [] }],
];

/** Keys that an object has without having them, and keys that mean something to another parser. */
const ODD_KEYS: readonly string[] = [
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'length',
    'prototype',
    'toJSON',
    'then',
    'valueOf',
  ],
  ...['', ' ', '0', '-1', '.', '/', '~', 'a.b', 'a/b', '\0', '\u2028', '$ref', 'ſize', 'Platform'],
];

/** Deepest nesting that is made. */
const MAX_DEPTH = 3_000;
/** Longest text in which a key is doubled, in characters: it takes two walks over all of it. */
const MAX_DOUBLED = 8_000;
/** Most copies of an element that are put beside it. */
const MAX_COPIES = 2_500;

type Change = (place: Place, random: Random, other: () => unknown) => void;

const CHANGES: readonly Change[] = [
  (place, random) => set(place, random.pick(ODD)),
  (place, random) => set(place, random.pick(ODD)),
  (place) => remove(place),
  (place, random) => {
    const value = get(place);
    if (typeof value === 'string')
      set(
        place,
        mutateText(value, random, () => value),
      );
    else if (typeof value === 'number')
      set(place, value * random.pick([-1, 0.5, 2, 1e10, 1e-10]) + random.below(3) - 1);
    else set(place, random.pick(ODD));
  },
  (place, random) => {
    const value = get(place);
    set(
      place,
      mutateText(typeof value === 'string' ? value : write(value), random, () => ''),
    );
  },
  (place, random, other) => set(place, anyPart(other(), random)),
  (place, random, other) => set({ ...place, key: newKey(place, random) }, anyPart(other(), random)),
  (place, random) => {
    const value = get(place);
    remove(place);
    set({ ...place, key: newKey(place, random) }, value);
  },
  (place, random) => set({ ...place, key: newKey(place, random) }, get(place)),
  (place) => set(place, [get(place)]),
  (place, random) => {
    if (!Array.isArray(place.holder)) return;
    const value = get(place);
    const wanted = random.oneIn(8) ? random.below(MAX_COPIES) : 1 + random.below(3);
    for (let left = Math.min(wanted, MAX_INPUT_LENGTH / write(value).length); left > 0; left -= 1)
      place.holder.push(value);
  },
  (place, random) => {
    const depth = random.below(random.oneIn(4) ? MAX_DEPTH : 80);
    let value = get(place);
    for (let left = depth; left > 0; left -= 1) value = random.oneIn(2) ? [value] : { a: value };
    set(place, value);
  },
];

/**
 * Changes a document in one to four places and writes it as text; now and then also in its text, as by a key that is there
 * twice. `other` brings documents to take parts from,
 * each time a new one.
 */
export function mutateJson(document: unknown, random: Random, other: () => unknown): string {
  let text = write(document);
  for (let left = 1 + random.below(4); left > 0 && text.length <= MAX_INPUT_LENGTH; left -= 1) {
    // Read anew each time: a part that stood in two places would grow in both, and so on.
    const root = { document: JSON.parse(text) as unknown };
    random.pick(CHANGES)(random.pick(placesIn(root)), random, other);
    text = write(root.document);
  }
  text = text.slice(0, MAX_INPUT_LENGTH * 2);
  if (text.length < MAX_DOUBLED && random.oneIn(12)) return doubleKey(text, random);
  return random.oneIn(40) ? mutateText(text, random, () => write(other())) : text;
}

/** JSON of a value; `null` where nothing is left of it, or it is too deep to be written. */
function write(value: unknown): string {
  try {
    return JSON.stringify(value ?? null);
  } catch {
    return 'null';
  }
}

/** Every place of a document, as far as the walk goes: the first ones of a very large document. */
export function placesIn(root: object): readonly Place[] {
  const places: Place[] = [];
  const open: object[] = [root];
  for (let holder = open.pop(); holder !== undefined && places.length < 5_000; holder = open.pop())
    for (const key of Object.keys(holder)) {
      const place = { holder, key };
      places.push(place);
      const value = get(place);
      if (typeof value === 'object' && value !== null) open.push(value);
    }
  return places;
}

function anyPart(document: unknown, random: Random): unknown {
  return get(random.pick(placesIn({ document })));
}

/** The value of an own key, also where that is `__proto__`. */
export function get({ holder, key }: Place): unknown {
  return Object.getOwnPropertyDescriptor(holder, key)?.value as unknown;
}

/** Sets an own key, also where that is `__proto__`: as `JSON.parse` would. */
export function set({ holder, key }: Place, value: unknown): void {
  if (Array.isArray(holder) && !/^\d{1,4}$/.test(key)) return;
  Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
}

function remove({ holder, key }: Place): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else Reflect.deleteProperty(holder, key);
}

function newKey({ holder, key }: Place, random: Random): string {
  if (Array.isArray(holder)) return String(random.below(holder.length + 2));
  if (random.oneIn(3)) return random.oneIn(2) ? key.toUpperCase() : key + random.pick(ODD_KEYS);
  return random.pick(ODD_KEYS);
}

/** Writes one of the keys of the text once more, at the start of some object, with a value of another. */
function doubleKey(text: string, random: Random): string {
  const keys = [...text.matchAll(/"(?:[^"\\]|\\.)*"(?=:)/g)].map(([key]) => key);
  const starts = [...text.matchAll(/\{(?=")/g)].map(({ index }) => index + 1);
  if (keys.length === 0 || starts.length === 0) return text;
  const at = random.pick(starts);
  return `${text.slice(0, at)}${random.pick(keys)}:${write(random.pick(ODD))},${text.slice(at)}`;
}
