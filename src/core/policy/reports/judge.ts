import type { VulnerabilityFinding, VulnerabilityReport } from './report.ts';
import { isAtLeast, isUncertain, SEVERITIES, type Severity } from './severity.ts';

/** A vulnerability that a policy lives with. */
export interface VulnerabilityException {
  /** The id that reports use; upper and lower case are the same. */
  readonly id: string;
  /** The last moment at which it holds; absent = it does not expire. */
  readonly until?: Date;
  readonly reason: string;
  /** Whether it is about the image that is judged. */
  readonly appliesToImage: boolean;
}

/** What a policy does not accept in a report. */
export interface VulnerabilityRule {
  readonly failOn: Severity;
  readonly fixableOnly: boolean;
  /** Whether a severity that cannot be read counts as one that is too severe, or as none. */
  readonly unknownSeverity: 'Block' | 'Ignore';
  /** Whether what the scanner did not examine makes the result unknown. */
  readonly unsupported: 'Unknown' | 'Ignore';
  readonly exceptions: readonly VulnerabilityException[];
  readonly now: Date;
}

/** What follows from a report under a rule; every finding in it reaches the rule's severity, or may. */
export interface VulnerabilityJudgement {
  /** What stands against the image, worst first. */
  readonly blocking: readonly VulnerabilityFinding[];
  readonly excepted: readonly {
    readonly finding: VulnerabilityFinding;
    readonly exception: VulnerabilityException;
  }[];
  /** Exceptions that would have helped against a blocking finding, had they not expired. */
  readonly expiredExceptions: readonly VulnerabilityException[];
  /** What the scanner did not examine, where that counts: then the report proves nothing but its findings. */
  readonly unexamined: readonly string[];
}

/**
 * Judges a report: what is severe enough, or may be, (and fixable, if only that counts) and in no exception that holds, blocks. The
 * one judgement of admission and promotion.
 */
export function judgeVulnerabilities(
  report: Pick<VulnerabilityReport, 'findings' | 'unexamined'>,
  rule: VulnerabilityRule,
): VulnerabilityJudgement {
  const { exceptions, now } = rule;
  const applying = exceptions.filter(({ appliesToImage }) => appliesToImage);
  const byId = Map.groupBy(applying, ({ id }) => id.trim().toLowerCase());
  const blocking: VulnerabilityFinding[] = [];
  const excepted: { finding: VulnerabilityFinding; exception: VulnerabilityException }[] = [];
  const expired = new Set<VulnerabilityException>();
  for (const finding of report.findings) {
    if (!counts(finding, rule)) continue;
    const candidates = byId.get(finding.id.toLowerCase()) ?? [];
    const exception = candidates.find((one) => holds(one, now));
    if (exception) excepted.push({ finding, exception });
    else {
      blocking.push(finding);
      for (const one of candidates) expired.add(one);
    }
  }
  const unexamined = rule.unsupported === 'Ignore' ? [] : report.unexamined;
  return { blocking: blocking.sort(worstFirst), excepted, expiredExceptions: [...expired], unexamined };
}

function counts(
  finding: VulnerabilityFinding,
  { failOn, fixableOnly, unknownSeverity }: VulnerabilityRule,
): boolean {
  if (fixableOnly && !finding.fixable) return false;
  const isOpen = unknownSeverity !== 'Ignore' && isUncertain(finding);
  return isOpen || isAtLeast(finding.severity, failOn);
}

/** What was not examined as one clause of a message, with the field (`field`) of the rule that would accept it. */
export function describeUnexamined(unexamined: readonly string[], field: string): string {
  return `${unexamined.join(', and ')}; ${field}: Ignore would accept that`;
}

/** A date that is none has passed: nothing is forgiven by mistake. */
function holds({ until }: VulnerabilityException, now: Date): boolean {
  return until === undefined || now.getTime() <= until.getTime();
}

function worstFirst(one: VulnerabilityFinding, other: VulnerabilityFinding): number {
  const bySeverity = SEVERITIES.indexOf(other.severity) - SEVERITIES.indexOf(one.severity);
  return bySeverity || (one.id < other.id ? -1 : 1);
}
