import * as z from 'zod';
import { DURATION_PATTERN } from '../time.ts';

/*
 * What several parts of the schema share. Every list and string is bounded, because the API server refuses CEL rules of
 * unbounded cost.
 */

/** A CEL rule as the CRD carries it (`x-kubernetes-validations`). */
export function rule(expression: string, message: string) {
  return { 'x-kubernetes-validations': [{ rule: expression, message }] };
}

/** How many of the named fields of an object are set. */
function count(fields: readonly string[]): string {
  return `[${fields.map((field) => `has(self.${field})`).join(', ')}].filter(x, x).size()`;
}

/** An object of which exactly one of these fields must be set; a rule for zod and for the API server. */
export function exactlyOne<T extends z.ZodObject>(object: T, fields: readonly (keyof T['shape'] & string)[]) {
  const message = `needs exactly one of ${fields.join(', ')}`;
  const isSet = (value: Readonly<Record<string, unknown>>) =>
    fields.filter((field) => value[field] !== undefined).length === 1;
  return object.refine(isSet, message).meta(rule(`${count(fields)} == 1`, message));
}

export const name = z.string().min(1).max(63);
export const names = z.array(name).max(16);
export const duration = z.string().max(32).regex(DURATION_PATTERN, 'is not a duration such as 720h or 1h30m');
export const glob = z.string().min(1).max(255);
export const annotationKey = z.string().min(1).max(317);
export const artifactType = z.string().min(1).max(255);

/** An entry of a Secret or ConfigMap. */
export const keyIn = z.strictObject({
  name: z.string().min(1).max(253).describe('Name of the object.'),
  key: z.string().min(1).max(253).describe('Key inside its data.'),
});
