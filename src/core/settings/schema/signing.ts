import * as z from 'zod';
import { path } from './parts.ts';

/** A name that promotions sign by: `spec.promote.sign.keyless.identity`. */
const identity = z
  .string()
  .max(63)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be a name of lower-case letters, digits and "-"');

/** In whose name promotions sign that bring no key. */
export const signing = z
  .strictObject({
    /** Files with identity tokens, by name, such as a projected token of a ServiceAccount; read anew for each run. */
    identityTokens: z.record(identity, path).default({}),
  })
  .prefault({});
