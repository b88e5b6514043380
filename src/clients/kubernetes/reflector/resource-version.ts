/**
 * Whether `one` is older than `other`. Resource versions are decimal numbers that may exceed 53 bits; the order of anything
 * else is not known, and then nothing is older.
 */
export function isOlder(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined || !isNumber(one) || !isNumber(other)) return false;
  return one.length === other.length ? one < other : one.length < other.length;
}

function isNumber(text: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(text);
}
