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

/** An object of which exactly one of these fields must be set; a rule for zod and for the API server. */
export function exactlyOne<T extends z.ZodObject>(object: T, fields: readonly (keyof T['shape'] & string)[]) {
  const message = `needs exactly one of ${fields.join(', ')}`;
  const isSet = (value: Readonly<Record<string, unknown>>) =>
    fields.filter((field) => value[field] !== undefined).length === 1;
  const count = `[${fields.map((field) => `has(self.${field})`).join(', ')}].filter(x, x).size()`;
  return object.refine(isSet, message).meta(rule(`${count} == 1`, message));
}

export const text = (max: number) => z.string().min(1).max(max);
/** A text that is compared whole: a `*` in it would match nothing, silently. A rule for zod and for the API server. */
export const exact = (max: number, instead: string) => {
  const message = `is compared as it is, and has no "*": ${instead}`;
  return text(max)
    .refine((value) => !value.includes('*'), message)
    .meta(rule("!self.contains('*')", message));
};
export const list = <T extends z.ZodType>(element: T, max: number) => z.array(element).max(max);

export const name = text(63);
export const names = list(name, 16);
export const duration = z.string().max(32).regex(DURATION_PATTERN, 'is not a duration such as 720h or 1h30m');
export const annotationKey = text(317);
export const artifactType = text(255);

/** Annotation that flags an image as quarantined where a policy names no other. */
export const QUARANTINE_KEY = 'dev.pratique.quarantine';

export const keyIn = z.strictObject({
  name: text(253).describe('Name of the object.'),
  key: text(253).describe('Key inside its data.'),
});
