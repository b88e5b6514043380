import * as z from 'zod';
import { MAX_FINDINGS, type UnreadableReport } from './report.ts';

/** Longest id, package or scanner name, in UTF-16 units. */
const MAX_NAME_LENGTH = 256;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/** A name that ends up in messages: not empty, not endless, on one line. */
export const name = z
  .string()
  .max(MAX_NAME_LENGTH)
  .transform((text) => text.replaceAll(UNPRINTABLE, ' ').trim())
  .pipe(z.string().min(1));

/** A list whose elements are read one by one later, after they were counted. */
export const list = z.array(z.unknown());

/** Reads `value` as `schema` says, or reports where in the document (`of`) it could not. */
export function readAs<T>(
  schema: z.ZodType<T>,
  value: unknown,
  of: string,
): { readonly value: T } | UnreadableReport {
  const read = schema.safeParse(value);
  if (read.success) return { value: read.data };
  const path = read.error.issues[0]?.path.map(String).join('.') ?? '';
  return { unreadable: `${of} cannot be read${path === '' ? '' : ` at ${path}`}` };
}

/** Reads every element of a list, unless one cannot be read or there are more than {@link MAX_FINDINGS}. */
export function readEach<T>(
  schema: z.ZodType<T>,
  items: readonly unknown[],
  of: string,
): { readonly values: readonly T[] } | UnreadableReport {
  if (items.length > MAX_FINDINGS) return { unreadable: `has more than ${MAX_FINDINGS} findings` };
  const values: T[] = [];
  for (const [index, item] of items.entries()) {
    const read = readAs(schema, item, `${of} ${index + 1}`);
    if ('unreadable' in read) return read;
    values.push(read.value);
  }
  return { values };
}
