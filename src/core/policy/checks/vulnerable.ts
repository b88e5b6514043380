import { nameOf, type Finding, type StatementClaim } from '../../model/index.ts';
import type { VulnerabilityRequirement } from '../compile-requirements.ts';
import { judgeVulnerabilities } from '../reports/judge.ts';
import { readVulnerabilities } from '../reports/read.ts';
import type { VulnerabilityReport } from '../reports/report.ts';
import { cannotTell, notThere, type Check, type Given } from './check.ts';
import { ageObjection, foundInstead, readStatements } from './statements.ts';

/** Identifiers shown in one message at most. */
const MAX_IDS_SHOWN = 5;

/** Refuses an image without a recent vulnerability report that counts, or whose report lists what is too severe. */
export const vulnerable: Check = (given) => {
  const { evidence, policy, now } = given;
  const { vulnerabilities: requirement } = policy;
  if (!requirement) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const isReport = (says: StatementClaim) => readVulnerabilities(says) !== undefined;
  const reading = readStatements(evidence.signatures, requirement.from, isReport);
  const counting = [...reading.accepted, ...(requirement.unsigned ? reading.unsigned : [])];
  const reports = counting.map(({ says }) => readVulnerabilities(says));
  const report = newest(reports.filter((one): one is VulnerabilityReport => isReadable(one)));
  if (!report) {
    if (reading.incomplete) return cannotTell(policy, reading.incomplete);
    return counting.length > 0
      ? unreadable(given, reports)
      : missing(given, requirement, foundInstead(reading));
  }
  const old = ageObjection(report.scannedAt, requirement.maxReportAgeMs, now);
  if (old !== undefined)
    return refused(given, 'ReportTooOld', `the vulnerability report ${old}`, 'have it scanned anew');
  return judge(report, requirement, given);
};

type Reading = ReturnType<typeof readVulnerabilities>;

function isReadable(reading: Reading): reading is VulnerabilityReport {
  return reading !== undefined && !('unreadable' in reading);
}

function newest(reports: readonly VulnerabilityReport[]): VulnerabilityReport | undefined {
  const time = ({ scannedAt }: VulnerabilityReport) => scannedAt?.getTime() ?? 0;
  return [...reports].sort((a, b) => time(b) - time(a))[0];
}

function judge(
  report: VulnerabilityReport,
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
  const more = blocking.length > ids.length ? ` and ${String(blocking.length - ids.length)} more` : '';
  const what = `${String(blocking.length)} findings of ${failOn} or worse: ${ids.join(', ')}${more}`;
  return refused(given, 'Vulnerable', what, 'move to an image without them, or have them excepted');
}

function missing(given: Given, { from }: VulnerabilityRequirement, instead: string): Finding {
  const names = from.map(({ name }) => name).join(' or ');
  const by = names === '' ? '' : ` by ${names}`;
  return refused(
    given,
    'ReportMissing',
    `no vulnerability report${by}; ${instead}`,
    'have this digest scanned',
  );
}

function unreadable({ policy }: Given, reports: readonly Reading[]): Finding {
  const why = reports
    .map((one) => (one && 'unreadable' in one ? one.unreadable : ''))
    .find((text) => text !== '');
  const detail = `the vulnerability report cannot be read: ${why ?? 'unknown format'}`;
  return cannotTell(policy, {
    state: 'unknown',
    reason: { code: 'UnreadableEvidence', detail },
    transient: false,
  });
}

function refused({ policy }: Given, reason: Finding['reason'], found: string, next: string): Finding {
  return { kind: 'refused', reason, found, next, policy: policy.name, transient: false };
}
