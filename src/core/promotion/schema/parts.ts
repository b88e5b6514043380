import * as z from 'zod';
import { conditionSchema, rule } from '../../policy/index.ts';

/*
 * What several parts of the schemas share. Every list and string is bounded, because the API server refuses CEL rules of
 * unbounded cost, and because status has to stay small.
 */

/** Name of an object of Kubernetes. */
export const objectName = z.string().min(1).max(253);
/** An object of the same namespace, by its name: nothing is read elsewhere, so no promotion can borrow another's login. */
export const localRef = z.strictObject({ name: objectName.describe('Name of the object.') });
/** The API server takes no folder: pods read and write no disk. `pratique promote` takes one in a file. */
export const NO_FOLDER = rule(
  "!self.startsWith('oci:.') && !self.startsWith('oci:/')",
  'a folder is read and written by pratique promote only, not by pods',
);
/** A digest as the OCI image specification writes it. */
export const digest = z
  .string()
  .max(135)
  .regex(/^sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128})$/, 'is no digest');
/** A tag as the OCI distribution specification writes it. */
export const tag = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'is no tag');
/** A date or a moment; which one it is, `parseMoment` reads. */
export const momentText = z
  .string()
  .max(32)
  .regex(/^\d{4}-\d{2}-\d{2}(?:[Tt ].{1,21})?$/, 'is no date; write 2026-12-31 or 2026-12-31T00:00:00Z');
/** A moment that a program wrote. */
export const stamp = z.string().max(64).meta({ format: 'date-time' });
export const count = z.int().min(0);
/** An identifier of a vulnerability, e.g. CVE-2026-0001. */
export const vulnerabilityId = z.string().min(1).max(128);
/** How programs name what the gates found; an approval holds for exactly that. */
export const gateHash = z.string().min(1).max(128);

/** The conditions of a status. */
export const conditions = (description: string) =>
  z
    .array(conditionSchema)
    .max(16)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe(description);
/** A switch. */
export const flag = (byDefault: boolean, description: string) =>
  z.boolean().default(byDefault).describe(description);
/** A list of at most so many; empty where it is left out. */
export const list = <T extends z.ZodType>(item: T, most: number, description: string) =>
  z.array(item).max(most).default([]).describe(description);
/** One of some words. */
export const choice = <const T extends readonly string[]>(
  words: T,
  byDefault: T[number],
  description: string,
) => z.enum(words).default(byDefault).describe(description);

/**
 * Annotation of an ImagePromotion that a replica without the lease writes when something was pushed: the moment, RFC 3339. It
 * triggers a run, and is no evidence.
 */
export const PUSHED_AT = 'pratique.dev/pushed-at';

/**
 * Annotation of an ImagePromotion that the gate writes when an image was asked for that is missing: the moment from which a run is
 * due, RFC 3339. It triggers a run of what the promotion selects anyway, and names nothing.
 */
export const ASKED_AT = 'pratique.dev/asked-at';
