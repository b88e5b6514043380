import type { StatementClaim } from '../model/index.ts';
import { parseTime } from './time.ts';

/**
 * Where well-known predicates say when they were made: SLSA provenance v1 and v0.2, cosign's vulnerability predicate,
 * the in-toto vulnerability predicate, CycloneDX and SPDX documents.
 */
const PLACES: readonly (readonly string[])[] = [
  ['runDetails', 'metadata', 'finishedOn'],
  ['metadata', 'buildFinishedOn'],
  ['metadata', 'scanFinishedOn'],
  ['metadata', 'timestamp'],
  ['creationInfo', 'created'],
];

/** When a statement says it was made; as trustworthy as who signed it. */
export function statedTime({ predicate }: StatementClaim): Date | undefined {
  for (const place of PLACES) {
    const text = place.reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Readonly<Record<string, unknown>>)[key]
          : undefined,
      predicate,
    );
    const moment = typeof text === 'string' ? parseTime(text) : undefined;
    if (moment) return moment;
  }
  return undefined;
}
