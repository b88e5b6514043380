/** Whether a value is an object with fields: no array, and not null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of what may be an object or an array; none where it is neither. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** A field that an object has itself; `undefined` where it has none. What every object has, such as `constructor`, is no field. */
export function ownField<T>(fields: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

/** The elements of what may be an array; none where it is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** What may be a string; `''` where it is none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The value of JSON as text or as bytes; `undefined` where the bytes are no UTF-8 or the text is no JSON. */
export function parseJson(json: Uint8Array | string): unknown {
  try {
    const text = typeof json === 'string' ? json : new TextDecoder('utf-8', { fatal: true }).decode(json);
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // No JSON text has this value, so the caller can distinguish it.
  }
}

/**
 * Most values (elements, fields) of JSON that is parsed: real documents of 16 MiB have 30 bytes for each. V8 allocates up to 110 bytes
 * for each before anything can stop it, also where that ends the process: so they are counted first.
 */
export const MAX_JSON_VALUES = 600_000;
/** Deepest nesting of JSON that is read: real statements have about ten levels, and copying a deep one overflows a stack. */
const MAX_JSON_DEPTH = 200;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
/** `{` and `[` and their closing twins. */
const OPENING: ReadonlySet<number | undefined> = new Set([0x7b, 0x5b]);
const CLOSING: ReadonlySet<number | undefined> = new Set([0x7d, 0x5d]);

/** What keeps JSON from being parsed at all, by its brackets and commas outside of text; `undefined` when nothing does. */
export function excessOfJson(bytes: Uint8Array, maxValues = MAX_JSON_VALUES): 'depth' | 'values' | undefined {
  let [depth, values, isDeep] = [0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfText(bytes, at);
    else if (byte === COMMA) values += 1;
    else if (CLOSING.has(byte)) depth -= 1;
    else if (OPENING.has(byte)) {
      values += 1;
      if (++depth > MAX_JSON_DEPTH) isDeep = true;
    }
    // Counted to the end: behind what is too deep there may be too many.
    if (values > maxValues) return 'values';
  }
  return isDeep ? 'depth' : undefined;
}

/** {@link parseJson} of bytes from outside, where nothing else limits them; `undefined` also where they have more values than are parsed. */
export function parseCounted(bytes: Uint8Array): unknown {
  return excessOfJson(bytes) === 'values' ? undefined : parseJson(bytes);
}

/**
 * Most values of a short document, such as the config of an image or the answer of a token service: one with a thousand signatures
 * has five thousand. So many fields take the main thread some milliseconds.
 */
const MAX_SHORT_VALUES = 10_000;

/** {@link parseJson} of a short document from outside on the main thread; `undefined` also where it has too many values or levels. */
export function parseShort(bytes: Uint8Array): unknown {
  return excessOfJson(bytes, MAX_SHORT_VALUES) === undefined ? parseJson(bytes) : undefined;
}

/**
 * Whether JSON has a field twice in one object: the last one counts here, and Go merges both. `value` is what the bytes were parsed
 * to; each field has one colon outside of text.
 */
export function hasDoubledField(bytes: Uint8Array, value: unknown): boolean {
  let colons = 0;
  for (let at = 0; at < bytes.length; at++)
    if (bytes[at] === QUOTE) at = endOfText(bytes, at);
    else if (bytes[at] === COLON) colons += 1;
  return colons > fieldsIn(value);
}

function fieldsIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner: readonly unknown[] = Object.values(value);
  return inner.reduce((sum: number, one) => sum + fieldsIn(one), Array.isArray(value) ? 0 : inner.length);
}

function endOfText(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

/** An object without the fields whose value is `undefined`: a field without a value is not written. */
export function definedFields<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
