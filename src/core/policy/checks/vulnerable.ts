import { nameAuthorities } from '../compile/authority.ts';
import { nameOf, unknown, type Finding, type StatementClaim } from '../../model/index.ts';
import type { VulnerabilityRequirement } from '../compile/requirements.ts';
import { isVulnerabilityReport } from '../reports/describe.ts';
import { describeUnexamined, judgeVulnerabilities } from '../reports/judge.ts';
import { readVulnerabilities } from '../reports/read.ts';
import { isUnreadable, type VulnerabilityFinding, type VulnerabilityReport } from '../reports/report.ts';
import { describeSeverity, isUncertain, type Severity } from '../reports/severity.ts';
import { notThere, refused, unknownFinding, type Check, type Given } from './check.ts';
import { ageObjection, foundInstead, futureObjection, readStatements } from './statements.ts';

const MAX_IDS_SHOWN = 5;

/** Refuses an image without a recent vulnerability report that counts, or whose report lists what is too severe. */
export const vulnerable: Check = (given) => {
  const { evidence, policy } = given;
  const { vulnerabilities: requirement } = policy;
  if (!requirement) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const isReport = ({ predicateType }: StatementClaim) => isVulnerabilityReport(predicateType);
  const reading = readStatements(evidence.signatures, requirement.from, isReport);
  const counting = [...reading.accepted, ...(requirement.unsigned ? reading.unsigned : [])];
  const reports = counting.flatMap(({ says }) => readVulnerabilities(says) ?? []);
  if (reports.length === 0) {
    if (reading.incomplete) return unknownFinding(policy, reading.incomplete);
    const names = nameAuthorities(requirement.from);
    const found = `no vulnerability report${names && ` by ${names}`}; ${foundInstead(reading)}`;
    return refused(policy, 'ReportMissing', found, 'have this digest scanned');
  }
  const readable = reports.filter((one): one is VulnerabilityReport => !isUnreadable(one));
  const refusal = judge(newest(readable), requirement, given);
  if (refusal) return refusal;
  // What cannot be read may be the newest, and say the worst: an older one that is good must not stand in for it.
  if (reading.incomplete) return unknownFinding(policy, reading.incomplete);
  const unread = reports.find(isUnreadable);
  if (!unread) return undefined;
  const detail = `the vulnerability report cannot be read: ${unread.unreadable}`;
  return unknownFinding(policy, unknown('UnreadableEvidence', detail));
};

/** The newest report: all of them when several have the same time or none, because it is unknown which is right. */
function newest(reports: readonly VulnerabilityReport[]): readonly VulnerabilityReport[] {
  const time = ({ scannedAt }: VulnerabilityReport) => scannedAt?.getTime() ?? -Infinity;
  const latest = reports.reduce((moment, report) => Math.max(moment, time(report)), -Infinity);
  return reports.filter((report) => time(report) === latest);
}

function judge(
  reports: readonly VulnerabilityReport[],
  requirement: VulnerabilityRequirement,
  given: Given,
): Finding | undefined {
  const [report] = reports;
  if (!report) return undefined;
  const { scannedAt } = report;
  const { failOn, maxReportAgeMs } = requirement;
  const { policy, evidence, now } = given;
  const old = futureObjection(scannedAt, now) ?? ageObjection(scannedAt, maxReportAgeMs, now);
  if (old !== undefined)
    return refused(policy, 'ReportTooOld', `the vulnerability report ${old}`, 'have it scanned anew');
  const name = nameOf(evidence.image);
  const exceptions = requirement.exceptions.map((one) => ({ ...one, appliesToImage: one.coversImage(name) }));
  const all = {
    findings: reports.flatMap((one) => one.findings),
    unexamined: [...new Set(reports.flatMap((one) => one.unexamined))],
  };
  const { blocking, unexamined } = judgeVulnerabilities(all, { ...requirement, exceptions, now });
  if (blocking.length > 0)
    return refused(
      policy,
      'Vulnerable',
      describe(blocking, failOn),
      'move to an image without them, or have them excepted',
    );
  if (unexamined.length === 0) return undefined;
  const detail = describeUnexamined(unexamined, 'require.vulnerabilities.unsupported');
  return unknownFinding(policy, unknown('ScanIncomplete', detail));
}

function describe(blocking: readonly VulnerabilityFinding[], failOn: Severity): string {
  const ids = blocking.slice(0, MAX_IDS_SHOWN).map((one) => `${one.id} (${describeSeverity(one)})`);
  const more = blocking.length > ids.length ? ` and ${blocking.length - ids.length} more` : '';
  const open = blocking.some(isUncertain) ? ', or of unknown severity' : '';
  return `${blocking.length} findings of ${failOn} or worse${open}: ${ids.join(', ')}${more}`;
}
