import * as z from 'zod';
import {
  isUnreadable,
  type RawReport,
  type UnreadableReport,
  list,
  name,
  readAs,
  readEach,
} from './report.ts';
import { severityOfWord } from './severity.ts';

const document = z.object({
  SchemaVersion: z.literal(2),
  CreatedAt: z.string().nullish(),
  Trivy: z.object({ Version: name.nullish() }).nullish(),
  // Trivy leaves out what is empty, also for an image without findings.
  Results: z.array(z.object({ Vulnerabilities: list.nullish() })).nullish(),
});

const vulnerability = z.object({
  VulnerabilityID: name,
  PkgName: name.nullish(),
  Severity: z.string().nullish(),
  FixedVersion: z.string().nullish(),
  Status: z.string().nullish(),
});

/** Reads the JSON report of Trivy, schema version 2. */
export function readTrivy(report: unknown): RawReport | UnreadableReport {
  const read = readAs(document, report, 'the Trivy report');
  if (isUnreadable(read)) return read;
  const { CreatedAt, Results, Trivy } = read.value;
  const found = readEach(
    vulnerability,
    (Results ?? []).flatMap((result) => result.Vulnerabilities ?? []),
    'vulnerability',
  );
  if (isUnreadable(found)) return found;
  return {
    scanner: Trivy?.Version ? `Trivy ${Trivy.Version}` : 'Trivy',
    times: [CreatedAt],
    findings: found.values.map(({ VulnerabilityID: id, PkgName, Severity, FixedVersion, Status }) => ({
      id,
      severity: severityOfWord(Severity ?? ''),
      // An empty field is how Trivy says that there is no fixed version.
      fixable: Status === 'fixed' || (FixedVersion ?? '').trim() !== '',
      ...(PkgName && { package: PkgName }),
    })),
  };
}
