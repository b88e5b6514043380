import { digestOf, type Digest } from '../../model/index.ts';
import { conclude, type ExceptedFinding, type GateResult } from './gate.ts';

/** What gates said of one image. */
export interface Gated {
  readonly digest: Digest;
  readonly results: readonly GateResult[];
}

/** What a person decided about an image that gates stopped. */
export interface Waiver {
  readonly digest: Digest;
  /** The {@link gateHash} that the person saw. */
  readonly gateHash: string;
  /** Ids of findings that may stay; upper and lower case are the same. */
  readonly waive: readonly string[];
  readonly reason: string;
  /** The last moment at which it holds; absent = it does not expire. */
  readonly until?: Date;
}

/** Why a waiver does not count for an image, or that it does. */
export type WaiverStanding = 'holds' | 'other-image' | 'other-findings' | 'expired';

/**
 * Names what gates hold against an image, so that an approval is bound to it: the same whatever order it was found in, another
 * one for any other digest, any new thing that blocks, or one that blocks no longer.
 */
export function gateHash({ digest, results }: Gated): Digest {
  const lines = results.flatMap(({ gate, findings, obstacles }) => [
    ...findings.map(({ id, package: name = '', severity }) => [
      gate,
      'finding',
      id.toLowerCase(),
      name,
      severity,
    ]),
    // Not their words: those may change with every try.
    ...obstacles.map(({ answer, reason }) => [gate, answer, reason]),
  ]);
  const canonical = [...new Set(lines.map((line) => JSON.stringify(line)))].sort();
  return digestOf(JSON.stringify([digest, ...canonical]));
}

/** Whether a waiver is for this image and for exactly the current findings of its gates. */
export function waiverStanding(gated: Gated, waiver: Waiver, now: Date): WaiverStanding {
  if (waiver.digest !== gated.digest) return 'other-image';
  if (waiver.gateHash !== gateHash(gated)) return 'other-findings';
  if (waiver.until === undefined) return 'holds';
  // A date that is none has passed: nothing is forgiven by mistake.
  return now.getTime() <= waiver.until.getTime() ? 'holds' : 'expired';
}

/**
 * What gates say once a person's waiver is applied: findings that it names no longer block. Nothing else changes: what was Unknown
 * stays so, as does everything in the way that is no finding; a waiver that does not hold changes nothing.
 */
export function waive(gated: Gated, waiver: Waiver, now: Date): readonly GateResult[] {
  if (waiverStanding(gated, waiver, now) !== 'holds') return gated.results;
  const named = new Set(waiver.waive.map((id) => id.trim().toLowerCase()));
  return gated.results.map((result) => waiveIn(result, named, waiver));
}

function waiveIn(result: GateResult, named: ReadonlySet<string>, { reason, until }: Waiver): GateResult {
  const isNamed = ({ id }: { readonly id: string }): boolean => named.has(id.trim().toLowerCase());
  const waived = [...new Set(result.findings.filter(isNamed).map(({ id }) => id))];
  if (waived.length === 0) return result;
  const left = result.findings.filter((finding) => !isNamed(finding));
  const excepted = [
    ...result.excepted,
    ...waived.map((id): ExceptedFinding => ({ id, reason, ...(until && { until }) })),
  ];
  const ends = [result.exceptionsUntil, until].flatMap((end) => (end ? [end.getTime()] : []));
  return {
    ...result,
    ...conclude(result.obstacles, left),
    excepted,
    ...(ends.length > 0 && { exceptionsUntil: new Date(Math.min(...ends)) }),
  };
}
