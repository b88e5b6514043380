import * as z from 'zod';
import { cutText } from '../../model/index.ts';
import { foreignSystem, isUnreadable, list, name, nameOfScanner, NOTHING_RECOGNISED } from './report.ts';
import { oneLine, readAs, readEach, type RawReport, type UnreadableReport } from './report.ts';
import { severityOfWord } from './severity.ts';

const grypeReport = z.object({
  matches: list,
  source: z.object({ target: z.unknown().optional() }).nullish(),
  distro: z.object({ name: z.string().nullish(), version: z.string().nullish() }).nullish(),
  alertsByPackage: z.array(z.object({ alerts: z.array(z.object({ type: z.string() })).nullish() })).nullish(),
  descriptor: z
    .object({ name: name.nullish(), version: name.nullish(), timestamp: z.string().nullish() })
    .nullish(),
});

type Report = z.infer<typeof grypeReport>;
const imageTarget = z.object({ os: z.string() });

const grypeMatch = z.object({
  vulnerability: z.object({
    id: name,
    severity: z.string().nullish(),
    fix: z.object({ state: z.string().nullish(), versions: list.nullish() }).nullish(),
  }),
  artifact: z.object({ name: name.nullish() }).nullish(),
});

/** Reads Grype's own JSON. */
export function readGrype(report: unknown): RawReport | UnreadableReport {
  const read = readAs(grypeReport, report, 'the Grype report');
  if (isUnreadable(read)) return read;
  const { matches, descriptor } = read.value;
  const found = readEach(grypeMatch, matches, 'match');
  if (isUnreadable(found)) return found;
  return {
    scanner: nameOfScanner(descriptor?.name ?? 'grype', descriptor?.version),
    times: [descriptor?.timestamp],
    findings: found.value.map(({ vulnerability: { id, severity, fix }, artifact }) => ({
      id,
      severity: severityOfWord(severity ?? ''),
      fixable: !fix || fix.state === 'fixed' || (fix.versions ?? []).length > 0,
      ...(artifact?.name && { package: artifact.name }),
    })),
    unexamined: unexaminedIn(read.value),
  };
}

/**
 * Distributions for which Grype's database has advisories, by the names of its reports and of `/etc/os-release`: those of the
 * providers of https://github.com/anchore/vunnel. One that is missing here is Unknown, not clean.
 */
const KNOWN: ReadonlySet<string> = new Set([
  ...['alpine', 'wolfi', 'chainguard', 'minimos', 'secureos', 'echo', 'debian', 'raspbian', 'ubuntu', 'sles'],
  ...['rhel', 'redhat', 'centos', 'rocky', 'rockylinux', 'alma', 'almalinux'],
  ...['amzn', 'amazonlinux', 'ol', 'oraclelinux', 'mariner', 'azurelinux'],
]);
/** Beginning of the kinds of alerts about packages whose distribution is unknown, out of support, or switched off. */
const ALERT = 'distro-';
/** Longest name of a distribution in a message, in characters. */
const MAX_NAME_LENGTH = 64;

/**
 * What Grype did not examine. It never lists what it examined: with neither a distribution nor a match, nothing shows that there
 * was something.
 */
function unexaminedIn(report: Report): readonly string[] {
  const foreign = foreignSystem(imageTarget.safeParse(report.source?.target).data?.os);
  return foreign.length > 0 ? foreign : unexaminedOnLinux(report);
}

function unexaminedOnLinux({ matches, distro, alertsByPackage }: Report): readonly string[] {
  const name = oneLine(distro?.name ?? '');
  if (name === '') return matches.length === 0 ? [NOTHING_RECOGNISED] : [];
  const system = cutText(oneLine(`${name} ${distro?.version ?? ''}`), MAX_NAME_LENGTH);
  if (!KNOWN.has(name.toLowerCase())) return [`the scanner has no advisories for ${system}`];
  return hasAlert(alertsByPackage ?? []) ? [`the scanner has no full advisories for ${system}`] : [];
}

function hasAlert(packages: NonNullable<Report['alertsByPackage']>): boolean {
  return packages.some(({ alerts }) => (alerts ?? []).some(({ type }) => type.startsWith(ALERT)));
}
