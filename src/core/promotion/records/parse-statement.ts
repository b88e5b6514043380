import * as z from 'zod';
import type { Statement } from '../ports.ts';

const statement = z.object({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z.array(z.object({ name: z.string().optional(), digest: z.record(z.string(), z.string()) })),
  predicateType: z.string(),
  predicate: z.unknown(),
});

/** Whether a value is an in-toto statement v1. */
export function isStatement(value: unknown): value is Statement {
  return statement.safeParse(value).success;
}
