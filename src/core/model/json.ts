/** Whether a value is an object with fields: no array, and not null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of what may be an object or an array; none where it is neither. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
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

/** An object without the fields whose value is `undefined`: a field without a value is not written. */
export function definedFields<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
