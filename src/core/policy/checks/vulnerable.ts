import { nameAuthorities } from '../compile/authority.ts';
import { nameOf, type Finding } from '../../model/index.ts';
import type { VulnerabilityRequirement } from '../compile/requirements.ts';
import { isVulnerabilityReport } from '../reports/describe.ts';
import { judgeVulnerabilities } from '../reports/judge.ts';
import { readVulnerabilities } from '../reports/read.ts';
import { isUnreadable, type UnreadableReport, type VulnerabilityReport } from '../reports/report.ts';
import { unknownFinding, notThere, type Check, type Given } from './check.ts';
import { ageObjection, foundInstead, futureObjection, readStatements } from './statements.ts';

/** Identifiers shown in one message at most. */
const MAX_IDS_SHOWN = 5;

/** Refuses an image without a recent vulnerability report that counts, or whose report lists what is too severe. */
export const vulnerable: Check = (given) => {
  const { evidence, policy } = given;
  const { vulnerabilities: requirement } = policy;
  if (!requirement) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const reading = readStatements(evidence.signatures, requirement.from, ({ predicateType }) =>
    isVulnerabilityReport(predicateType),
  );
  const counting = [...reading.accepted, ...(requirement.unsigned ? reading.unsigned : [])];
  if (counting.length === 0) {
    if (reading.incomplete) return unknownFinding(policy, reading.incomplete);
    return missing(given, requirement, foundInstead(reading));
  }
  const reports = counting.flatMap(({ says }) => readVulnerabilities(says) ?? []);
  const refusal = judge(newest(reports.filter(isReadable)), requirement, given);
  if (refusal) return refusal;
  // What cannot be read may be the newest, and say the worst: an older one that is good must not stand in for it.
  const unread = reports.find(isUnreadable);
  return unread ? unreadable(given, unread) : undefined;
};

function isReadable(report: VulnerabilityReport | UnreadableReport): report is VulnerabilityReport {
  return !isUnreadable(report);
}

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
  const old =
    futureObjection(scannedAt, given.now) ?? ageObjection(scannedAt, requirement.maxReportAgeMs, given.now);
  if (old === undefined) {
    const findings = reports.flatMap((one) => one.findings);
    return judgeFindings({ findings }, requirement, given);
  }
  return refused(given, 'ReportTooOld', `the vulnerability report ${old}`, 'have it scanned anew');
}

function judgeFindings(
  report: Pick<VulnerabilityReport, 'findings'>,
  { failOn, fixableOnly, exceptions }: VulnerabilityRequirement,
  given: Given,
): Finding | undefined {
  const name = nameOf(given.evidence.image);
  const rule = {
    failOn,
    fixableOnly,
    exceptions: exceptions.map(({ coversImage, ...rest }) => ({
      ...rest,
      appliesToImage: coversImage(name),
    })),
    now: given.now,
  };
  const { blocking } = judgeVulnerabilities(report, rule);
  if (blocking.length === 0) return undefined;
  const ids = blocking.slice(0, MAX_IDS_SHOWN).map(({ id, severity }) => `${id} (${severity})`);
  const more = blocking.length > ids.length ? ` and ${blocking.length - ids.length} more` : '';
  const what = `${blocking.length} findings of ${failOn} or worse: ${ids.join(', ')}${more}`;
  return refused(given, 'Vulnerable', what, 'move to an image without them, or have them excepted');
}

function missing(given: Given, { from }: VulnerabilityRequirement, instead: string): Finding {
  const names = nameAuthorities(from);
  const by = names === '' ? '' : ` by ${names}`;
  return refused(
    given,
    'ReportMissing',
    `no vulnerability report${by}; ${instead}`,
    'have this digest scanned',
  );
}

function unreadable({ policy }: Given, report: UnreadableReport): Finding {
  const detail = `the vulnerability report cannot be read: ${report.unreadable}`;
  return unknownFinding(policy, {
    state: 'unknown',
    reason: { code: 'UnreadableEvidence', detail },
    transient: false,
  });
}

function refused({ policy }: Given, reason: Finding['reason'], found: string, next: string): Finding {
  return { kind: 'refused', reason, found, next, policy: policy.name, transient: false };
}
