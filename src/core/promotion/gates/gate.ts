import type { ReasonCode } from '../../model/index.ts';
import type { Severity, VulnerabilityFinding } from '../../policy/index.ts';

/** What a gate says of an image. Unknown is no Pass: it blocks, and no approval lifts it. */
export type GateAnswer = 'Pass' | 'Block' | 'Unknown';

/** Ids shown of what blocks: enough to work with, few enough for two hundred rows in one status. */
export const MAX_IDS_SHOWN = 20;

/** What the scan gate found out about one image, all its platforms together. */
export interface GateResult {
  readonly gate: 'scan';
  readonly answer: GateAnswer;
  /** `undefined` for a Pass. */
  readonly reason: ReasonCode | undefined;
  readonly message: string;
  /** Whether trying again may help: it is Unknown, and everything that is unknown may pass by itself. */
  readonly transient: boolean;
  /** The worst severity found, whether or not it blocks; absent when nothing was found. */
  readonly worst?: Severity;
  /** Findings of each severity, each once however many platforms have it. */
  readonly counts: Readonly<Record<Severity, number>>;
  /** Every finding that blocks, worst first. */
  readonly findings: readonly VulnerabilityFinding[];
  /** Ids of what blocks, each once, worst first, {@link MAX_IDS_SHOWN} at most. */
  readonly blocking: readonly string[];
  /** Ids that block and are not listed. */
  readonly blockingCut: number;
  /** Findings that would block but for an exception, or for the approval that waived them. */
  readonly excepted: readonly ExceptedFinding[];
  /** Ids of what blocks and was excepted once. */
  readonly expiredExceptions: readonly string[];
  /** The earliest moment at which something ends that let a finding pass: then the image must be judged again. */
  readonly exceptionsUntil?: Date;
  /** What scanned, with its version; several when platforms were scanned differently. */
  readonly scanner: string;
  /** When the oldest database that was used was built; absent when one does not say. */
  readonly databaseUpdatedAt?: Date;
  /** Why it is unknown, or what is missing besides: things that no waiver of findings lifts. */
  readonly obstacles: readonly Obstacle[];
}

/** A finding that is let pass. */
export interface ExceptedFinding {
  readonly id: string;
  readonly reason: string;
  /** Absent = it does not expire. */
  readonly until?: Date;
}

/** Something in the way that is no finding. */
export interface Obstacle {
  readonly answer: Exclude<GateAnswer, 'Pass'>;
  readonly reason: ReasonCode;
  readonly detail: string;
  /** Whether trying again may help, without any change. */
  readonly transient: boolean;
}

/** The parts of a result that follow from what blocks and what is in the way. */
export function conclude(
  obstacles: readonly Obstacle[],
  findings: readonly VulnerabilityFinding[],
): Pick<
  GateResult,
  'answer' | 'reason' | 'message' | 'transient' | 'findings' | 'blocking' | 'blockingCut' | 'obstacles'
> {
  const ids = [...new Set(findings.map(({ id }) => id))];
  const blocking = ids.slice(0, MAX_IDS_SHOWN);
  // The result of an unknown part may be worse than every other, so it comes first.
  const unknown = obstacles.filter(({ answer }) => answer === 'Unknown');
  const first = unknown[0] ?? obstacles[0];
  const rest = {
    findings,
    blocking,
    blockingCut: ids.length - blocking.length,
    obstacles,
    transient: unknown.length > 0 && unknown.every(({ transient }) => transient),
  };
  if (first) return { ...rest, answer: first.answer, reason: first.reason, message: first.detail };
  const [worst] = findings;
  if (!worst) return { ...rest, answer: 'Pass', reason: undefined, message: 'no finding blocks it' };
  const more = ids.length > 1 ? ` and ${String(ids.length - 1)} more` : '';
  const message = `${worst.id} (${worst.severity})${more} block it`;
  return { ...rest, answer: 'Block', reason: 'Vulnerable', message };
}
