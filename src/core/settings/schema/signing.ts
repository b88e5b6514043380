import * as z from 'zod';
import { dnsName, path } from './parts.ts';

/** A name that promotions sign by: `spec.promote.sign.keyless.identity`. */
const identity = z
  .string()
  .max(63)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be a name of lower-case letters, digits and "-"');

/** One identity, and who may use it: the authors of promotions choose neither the services nor the identity themselves. */
const borrowed = z.strictObject({
  /** The token, such as a projected one of a ServiceAccount; read anew for each run. */
  file: path,
  /**
   * Fulcio, Rekor and timestamp authorities that may be called. A service that receives the token could use it elsewhere, so
   * the authors of promotions do not choose which services are called from here.
   */
  servers: z.array(z.url({ protocol: /^https?$/ })).min(1),
  /** Namespaces whose promotions may sign by it. */
  namespaces: z.array(dnsName).min(1),
});

/** In whose name promotions sign that bring no key. */
export const signing = z
  .strictObject({
    /** Identity tokens by the name that promotions use. */
    identityTokens: z.record(identity, borrowed).default({}),
  })
  .prefault({});
