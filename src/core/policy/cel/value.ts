import { MAX_PREDICATE_DEPTH, MAX_PREDICATE_TEXT, MAX_PREDICATE_VALUES } from './limits.ts';
import { Stop } from './work.ts';

/** A JSON value as the evaluator sees it: integers as `int` (bigint), other numbers as `double`. */
export type CelValue =
  null | boolean | string | bigint | number | readonly CelValue[] | ReadonlyMap<string, CelValue>;

/**
 * Converts a JSON value; `undefined` is taken for `null`. Objects become maps: a map has no prototype to climb, and a key
 * named `constructor` is a key like any other. Throws {@link Stop} when there is too much of it, or for what is no JSON.
 */
export function toCel(json: unknown): CelValue {
  let [values, text] = [0, 0];
  const count = (length: number) => {
    text += length;
    if (text > MAX_PREDICATE_TEXT) throw tooMuch(`${String(MAX_PREDICATE_TEXT)} characters of text`);
  };
  const convert = (value: unknown, depth: number): CelValue => {
    values += 1;
    if (values > MAX_PREDICATE_VALUES) throw tooMuch(`${String(MAX_PREDICATE_VALUES)} values`);
    if (depth > MAX_PREDICATE_DEPTH) throw tooMuch(`${String(MAX_PREDICATE_DEPTH)} levels`);
    if (typeof value === 'string') count(value.length);
    if (typeof value !== 'object' || value === null) return scalar(value);
    if (Array.isArray(value)) return value.map((item) => convert(item, depth + 1));
    return new Map(
      Object.entries(value).map(([key, item]) => {
        count(key.length);
        return [key, convert(item, depth + 1)];
      }),
    );
  };
  return convert(json, 0);
}

function scalar(value: unknown): CelValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      // Past 2^53 JSON.parse has already rounded: such a number is no longer the integer that was written.
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    default:
      if (value === null || value === undefined) return null;
      throw new Stop('failed', `the predicate holds a ${typeof value}, which is no JSON`);
  }
}

function tooMuch(what: string): Stop {
  return new Stop('limit', `the predicate has more than ${what}`);
}
