import * as z from 'zod';
import { isUnreadable, type UnreadableReport, type VulnerabilityFinding } from './report.ts';
import { highest, severityOfScore, severityOfWord, type Severity } from './severity.ts';
import { name, readEach } from './shape.ts';

const rating = z.object({ score: z.union([z.string(), z.number()]).nullish() });
const vulnerability = z.object({ id: name, severity: z.union([z.array(rating), rating]).nullish() });
// The text of version 0.1 has one level more than its example and than version 0.2.
const entry = z.union([
  vulnerability,
  z.object({ vulnerability }).transform((nested) => nested.vulnerability),
]);

/**
 * Reads the findings of an in-toto vulnerability predicate (`vulns` 0.1 and 0.2): ids with scores by any method, of which
 * the highest counts. The format says neither which package is meant nor whether there is a fix.
 */
export function readInTotoFindings(
  result: readonly unknown[],
): { readonly findings: readonly VulnerabilityFinding[] } | UnreadableReport {
  const found = readEach(entry, result, 'vulnerability');
  if (isUnreadable(found)) return found;
  const findings = found.values.map(({ id, severity }) => {
    const ratings = Array.isArray(severity) ? severity : severity ? [severity] : [];
    return { id, severity: highest(ratings.map(({ score }) => severityOf(score ?? ''))), fixable: true };
  });
  return { findings };
}

function severityOf(score: string | number): Severity {
  return highest([severityOfScore(score), severityOfWord(String(score))]);
}
