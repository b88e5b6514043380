import { digestOf, type Digest, type ReasonCode } from '../../model/index.ts';
import { describeSeverity } from '../../policy/index.ts';
import type { CompiledPolicy, Severity, VulnerabilityFinding } from '../../policy/index.ts';
import type { Approval } from '../approval.ts';
import type { ImagePromotionSpec } from '../schema.ts';

/** What the scan gate found out about one image, all its platforms together. */
export interface GateResult extends Conclusion {
  readonly gate: 'scan';
  /** The worst severity found, whether or not it blocks; absent when nothing was found. */
  readonly worst?: Severity;
  /** Findings of each severity, each once however many platforms have it. */
  readonly counts: Readonly<Record<Severity, number>>;
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
}

/** The parts of a result that follow from what blocks and what is in the way. */
interface Conclusion {
  /** Unknown is no Pass: it blocks, and no approval lifts it. */
  readonly answer: 'Pass' | 'Block' | 'Unknown';
  /** `undefined` for a Pass. */
  readonly reason: ReasonCode | undefined;
  readonly message: string;
  /** Whether trying again may help: it is Unknown, and everything that is unknown may pass by itself. */
  readonly transient: boolean;
  /** Every finding that blocks, worst first. */
  readonly findings: readonly VulnerabilityFinding[];
  /** Their ids, each once. */
  readonly blocking: readonly string[];
  /** Why it is unknown, or what is missing besides: things that no waiver of findings lifts. */
  readonly obstacles: readonly Obstacle[];
}

/** A finding that is let pass. */
export interface ExceptedFinding {
  readonly id: string;
  readonly reason: string;
  /** The last moment at which that holds; absent = it does not expire. */
  readonly until?: Date;
}

/** Something in the way that is no finding. */
export interface Obstacle {
  readonly answer: 'Block' | 'Unknown';
  readonly reason: ReasonCode;
  readonly detail: string;
  /** Whether trying again may help, without any change. */
  readonly transient: boolean;
}

/** Concludes from what blocks and what is in the way. */
export function conclude(
  obstacles: readonly Obstacle[],
  findings: readonly VulnerabilityFinding[],
): Conclusion {
  const blocking = [...new Set(findings.map(({ id }) => id))];
  // The result of an unknown part may be worse than every other, so it comes first.
  const unknown = obstacles.filter(({ answer }) => answer === 'Unknown');
  const transient = unknown.length > 0 && unknown.every((one) => one.transient);
  const rest = { findings, blocking, obstacles, transient };
  const first = unknown[0] ?? obstacles[0];
  if (first) return { ...rest, answer: first.answer, reason: first.reason, message: first.detail };
  const [worst] = findings;
  if (!worst) return { ...rest, answer: 'Pass', reason: undefined, message: 'no finding blocks it' };
  const more = blocking.length > 1 ? ` and ${String(blocking.length - 1)} more` : '';
  const message = `${worst.id} (${describeSeverity(worst)})${more} block it`;
  return { ...rest, answer: 'Block', reason: 'Vulnerable', message };
}

/** What a decision is about, besides findings. */
export interface GateSubject {
  readonly tag: string;
  /** At the source. */
  readonly digest: Digest;
  /** The run, and what it was asked to do, by {@link runScope}. */
  readonly scope: Digest;
}

/**
 * Names what a run was asked to do: its UID, that of its promotion, the promotion as it is frozen in the run (source, target, gates,
 * signer, what is deleted), and the policies as they are now. Without UIDs it is a run from the command line.
 */
export function runScope(asked: {
  readonly runUID?: string;
  readonly promotionUID?: string;
  readonly promotion: string;
  readonly spec: ImagePromotionSpec;
  readonly policies: readonly Pick<CompiledPolicy, 'name' | 'fingerprint'>[];
}): Digest {
  const { runUID = '', promotionUID = '', promotion, spec } = asked;
  const policies = asked.policies.map(({ name, fingerprint = '' }) => [name, fingerprint]).sort();
  return digestOf(JSON.stringify([runUID, promotionUID, promotion, policies, sorted(spec)]));
}

/** A JSON value with the fields of its objects in one order: an API server does not keep that of maps. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, content]) => content !== undefined);
  return fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, content]) => [name, sorted(content)]);
}

/**
 * Names what a gate holds against an image of a run, so that an approval is bound to it: the same whatever order it was found in,
 * another one for any other run, tag, target, gate or digest, any new thing that blocks, or one that blocks no longer.
 */
export function gateHash({ tag, digest, scope }: GateSubject, result: GateResult | undefined): Digest {
  const { gate = 'scan', findings = [], obstacles = [] } = result ?? {};
  const lines = [
    ...findings.map((one) => [gate, 'finding', one.id.toLowerCase(), one.package ?? '', one.severity]),
    // Not their words: those may change with every try.
    ...obstacles.map(({ answer, reason }) => [gate, answer, reason]),
  ];
  const canonical = [...new Set(lines.map((line) => JSON.stringify(line)))].sort();
  return digestOf(JSON.stringify([scope, tag, digest, ...canonical]));
}

/** What a person decided about an image that a gate stopped. */
export type Waiver = Pick<Approval, 'digest' | 'gateHash' | 'waive' | 'reason' | 'until'>;

/**
 * What a gate says of an image once a person's waiver is applied: findings that it names no longer block. Nothing else changes:
 * what was Unknown stays so, as does everything in the way that is no finding. A waiver that is for another image or other
 * findings, or has expired, changes nothing.
 */
export function waive(subject: GateSubject, result: GateResult, waiver: Waiver, now: Date): GateResult {
  const { reason, until } = waiver;
  const isFor = waiver.digest === subject.digest && waiver.gateHash === gateHash(subject, result);
  // A date that is none has passed: nothing is forgiven by mistake.
  const holds = isFor && now.getTime() <= until.getTime();
  const named = new Set(waiver.waive.map((id) => id.trim().toLowerCase()));
  const isNamed = (id: string): boolean => named.has(id.trim().toLowerCase());
  const waived = result.blocking.filter(isNamed);
  if (!holds || waived.length === 0) return result;
  const left = result.findings.filter(({ id }) => !isNamed(id));
  const ends = [result.exceptionsUntil ?? until, until].map(Number);
  return {
    ...result,
    ...conclude(result.obstacles, left),
    excepted: [...result.excepted, ...waived.map((id) => ({ id, reason, until }))],
    exceptionsUntil: new Date(Math.min(...ends)),
  };
}
