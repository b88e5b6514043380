import * as z from 'zod';
import { isUnreadable, type RawReport, type UnreadableReport } from './report.ts';
import { severityOfWord } from './severity.ts';
import { list, name, readAs, readEach } from './shape.ts';

const document = z.object({
  matches: list,
  descriptor: z
    .object({ name: name.nullish(), version: name.nullish(), timestamp: z.string().nullish() })
    .nullish(),
});

const match = z.object({
  vulnerability: z.object({
    id: name,
    severity: z.string().nullish(),
    fix: z.object({ state: z.string().nullish(), versions: list.nullish() }).nullish(),
  }),
  artifact: z.object({ name: name.nullish() }).nullish(),
});

/** Reads the JSON report of Grype. */
export function readGrype(report: unknown): RawReport | UnreadableReport {
  const read = readAs(document, report, 'the Grype report');
  if (isUnreadable(read)) return read;
  const { matches, descriptor } = read.value;
  const found = readEach(match, matches, 'match');
  if (isUnreadable(found)) return found;
  return {
    scanner: [descriptor?.name ?? 'grype', descriptor?.version ?? ''].join(' ').trim(),
    times: [descriptor?.timestamp],
    findings: found.values.map(({ vulnerability: { id, severity, fix }, artifact }) => ({
      id,
      severity: severityOfWord(severity ?? ''),
      fixable: isFixable(fix),
      ...(artifact?.name && { package: artifact.name }),
    })),
  };
}

function isFixable(fix: z.infer<typeof match>['vulnerability']['fix']): boolean {
  if (!fix) return true;
  return fix.state === 'fixed' || (fix.versions ?? []).length > 0;
}
