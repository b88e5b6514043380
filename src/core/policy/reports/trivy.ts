import * as z from 'zod';
import { cutText } from '../../model/index.ts';
import {
  foreignSystem,
  isUnreadable,
  list,
  name,
  NOTHING_RECOGNISED,
  oneLine,
  readAs,
  readEach,
} from './report.ts';
import type { RawReport, UnreadableReport } from './report.ts';
import { severityOfWord } from './severity.ts';

const trivyReport = z.object({
  SchemaVersion: z.literal(2),
  CreatedAt: z.string().nullish(),
  Trivy: z.object({ Version: name.nullish() }).nullish(),
  Metadata: z
    .object({
      OS: z
        .object({ Family: z.string().nullish(), Name: z.string().nullish(), EOSL: z.boolean().nullish() })
        .nullish(),
      ImageConfig: z.object({ os: z.string().nullish() }).nullish(),
    })
    .nullish(),
  // Trivy leaves out what is empty, also for an image without findings. One that it recognised has a result nevertheless.
  Results: z.array(z.object({ Class: z.string().nullish(), Vulnerabilities: list.nullish() })).nullish(),
});
type Report = z.infer<typeof trivyReport>;

const trivyVulnerability = z.object({
  VulnerabilityID: name,
  PkgName: name.nullish(),
  Severity: z.string().nullish(),
  FixedVersion: z.string().nullish(),
  Status: z.string().nullish(),
});

/** Reads Trivy's own JSON. */
export function readTrivy(report: unknown): RawReport | UnreadableReport {
  const read = readAs(trivyReport, report, 'the Trivy report');
  if (isUnreadable(read)) return read;
  const { CreatedAt, Results, Trivy } = read.value;
  const vulnerabilities = (Results ?? []).flatMap((result) => result.Vulnerabilities ?? []);
  const found = readEach(trivyVulnerability, vulnerabilities, 'vulnerability');
  if (isUnreadable(found)) return found;
  return {
    scanner: Trivy?.Version ? `Trivy ${Trivy.Version}` : 'Trivy',
    times: [CreatedAt],
    findings: found.value.map(({ VulnerabilityID: id, PkgName, Severity, FixedVersion, Status }) => ({
      id,
      severity: severityOfWord(Severity ?? ''),
      // An empty field is how Trivy says that there is no fixed version.
      fixable: Status === 'fixed' || (FixedVersion ?? '').trim() !== '',
      ...(PkgName && { package: PkgName }),
    })),
    unexamined: unexaminedIn(read.value),
    systemExamined: classesOf(Results).includes(OS_PACKAGES),
  };
}

/** Classes of results for which vulnerabilities were searched; others are about secrets, licences and configuration. */
const OS_PACKAGES = 'os-pkgs';
const OF_PACKAGES: ReadonlySet<string> = new Set([OS_PACKAGES, 'lang-pkgs']);
/** How older versions of Trivy write that there is no system. */
const NO_SYSTEM = 'none';
/** Longest name of a system in a message, in characters. */
const MAX_NAME_LENGTH = 64;

/**
 * What Trivy did not examine: all that is not Linux; everything when no result is about packages; the system when it has a name and
 * no result, or is one for which no advisories are made any more.
 */
function unexaminedIn({ Metadata, Results }: Report): readonly string[] {
  const foreign = foreignSystem(Metadata?.ImageConfig?.os);
  if (foreign.length > 0) return foreign;
  const system = nameOfSystem(Metadata?.OS);
  const ended = `${system === '' ? 'its distribution' : system} is past its end of service life`;
  return [...missingIn(classesOf(Results), system), ...(Metadata?.OS?.EOSL === true ? [ended] : [])];
}

function nameOfSystem(os: NonNullable<Report['Metadata']>['OS']): string {
  const parts = [os?.Family, os?.Name].filter((part) => part !== NO_SYSTEM);
  return cutText(oneLine(parts.join(' ')), MAX_NAME_LENGTH);
}

/** The classes of all results; a list of findings without a class shows by itself that they were searched for. */
function classesOf(results: Report['Results']): readonly string[] {
  return (results ?? []).flatMap((one) => one.Class ?? (one.Vulnerabilities ? OS_PACKAGES : []));
}

function missingIn(classes: readonly string[], system: string): readonly string[] {
  if (system === '') return classes.some((one) => OF_PACKAGES.has(one)) ? [] : [NOTHING_RECOGNISED];
  return classes.includes(OS_PACKAGES) ? [] : [`the scanner examined no packages of ${system}`];
}
