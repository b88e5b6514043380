import type { VulnerabilityFinding, VulnerabilityReport } from './report.ts';
import { isAtLeast, SEVERITIES, type Severity } from './severity.ts';

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
  readonly exceptions: readonly VulnerabilityException[];
  readonly now: Date;
}

/** What follows from a report under a rule; everything in it reaches the rule's severity. */
export interface VulnerabilityJudgement {
  /** What stands against the image, worst first. */
  readonly blocking: readonly VulnerabilityFinding[];
  readonly excepted: readonly {
    readonly finding: VulnerabilityFinding;
    readonly exception: VulnerabilityException;
  }[];
  /** Exceptions that would have helped against a blocking finding, had they not expired. */
  readonly expiredExceptions: readonly VulnerabilityException[];
}

/** Judges a report: what is severe enough (and fixable, if only that counts) and in no exception that holds, blocks. */
export function judgeVulnerabilities(
  report: Pick<VulnerabilityReport, 'findings'>,
  { failOn, fixableOnly, exceptions, now }: VulnerabilityRule,
): VulnerabilityJudgement {
  const applying = exceptions.filter(({ appliesToImage }) => appliesToImage);
  const byId = Map.groupBy(applying, ({ id }) => id.trim().toLowerCase());
  const blocking: VulnerabilityFinding[] = [];
  const excepted: { finding: VulnerabilityFinding; exception: VulnerabilityException }[] = [];
  const expired = new Set<VulnerabilityException>();
  for (const finding of report.findings) {
    if (!isAtLeast(finding.severity, failOn) || (fixableOnly && !finding.fixable)) continue;
    const candidates = byId.get(finding.id.toLowerCase()) ?? [];
    const exception = candidates.find((one) => holds(one, now));
    if (exception) excepted.push({ finding, exception });
    else {
      blocking.push(finding);
      for (const one of candidates) expired.add(one);
    }
  }
  return { blocking: blocking.sort(worstFirst), excepted, expiredExceptions: [...expired] };
}

/** A date that is none has passed: nothing is forgiven by mistake. */
function holds({ until }: VulnerabilityException, now: Date): boolean {
  return until === undefined || now.getTime() <= until.getTime();
}

function worstFirst(one: VulnerabilityFinding, other: VulnerabilityFinding): number {
  const bySeverity = SEVERITIES.indexOf(other.severity) - SEVERITIES.indexOf(one.severity);
  return bySeverity || (one.id < other.id ? -1 : 1);
}
