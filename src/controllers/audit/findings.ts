import type { JudgedFinding, Verdict } from '../../core/model/index.ts';
import { codesOf } from '../../core/policy/index.ts';

/** From the best to the worst that can come of an image. */
const KINDS: readonly Verdict['kind'][] = ['allow', 'warn', 'unknown', 'deny'];
const EFFECTS: readonly JudgedFinding['effect'][] = ['deny', 'warn', 'audit'];

/** How bad a verdict is; more is worse. */
export function rankOf({ kind }: Verdict): number {
  return KINDS.indexOf(kind);
}

/** Findings: those that decide come first; otherwise the order stays. */
export function byWeight({ findings }: Verdict): readonly JudgedFinding[] {
  return EFFECTS.flatMap((effect) => findings.filter((finding) => finding.effect === effect));
}

/** The reason of a verdict in one word; empty when there is nothing to say. */
export function reasonOf(verdict: Verdict): string {
  return byWeight(verdict)[0]?.reason ?? '';
}

/** Whether a finding is published. Not published: that no policy covers an image, when no setting asks for coverage. */
export function isReported({ policy, effect }: JudgedFinding): boolean {
  return policy !== '' || effect !== 'audit';
}

/** Reason codes that are published, each once. */
export function reportedCodes({ findings }: Verdict): readonly string[] {
  return codesOf(findings.filter(isReported)).toSorted();
}
