import * as z from 'zod';
import { excessOfJson, parsed, parseDigest, parseJson, parseWith, problem } from '../../core/model/index.ts';
import type { Digest, Parsed } from '../../core/model/index.ts';

/** Most entries of one index: a thousand tags with signatures of every platform. */
export const MAX_ENTRIES = 10_000;
/** Values of JSON that so many entries have at most. */
const MAX_VALUES = 40 * MAX_ENTRIES;

const digest = z
  .string()
  .refine((text) => parseDigest(text) !== undefined, 'is not a sha256 or sha512 digest')
  .transform((text) => text as Digest);
// Everything that is not understood is written back as it was.
const entrySchema = z.looseObject({
  mediaType: z.string().min(1),
  digest,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z
    .array(entrySchema)
    .max(MAX_ENTRIES)
    .nullish()
    .transform((all) => all ?? []),
});

/** What `index.json` lists. */
export type Entry = z.output<typeof entrySchema>;
/** `index.json` of a folder in the OCI image layout. */
export type LayoutIndex = z.output<typeof indexSchema>;

/** Reads `index.json`. The problem names the entry. */
export function parseIndex(bytes: Uint8Array): Parsed<LayoutIndex> {
  const excess = excessOfJson(bytes, MAX_VALUES);
  if (excess === 'values') return { ok: false, problems: [{ ...TOO_MANY, isLimit: true }] };
  if (excess === 'depth') return problem('', 'is nested too deeply');
  const json = parseJson(bytes);
  if (json === undefined) return problem('', 'is not JSON');
  const read = parseWith(indexSchema, json);
  return read.ok ? parsed(read.value) : { ok: false, problems: read.problems.slice(0, 1) };
}

const TOO_MANY = { path: 'manifests', message: `has more than ${MAX_ENTRIES} entries` };
