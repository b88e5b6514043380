import type { AdmissionPorts } from '../../src/webhook/index.ts';
import type { Decision } from '../../src/webhook/ports.ts';
import type { JudgedFinding, JudgedImage, NamedImage, Verdict } from '../../src/core/model/index.ts';
import { found } from '../support/policies.ts';

/** Ports that record their calls. */
export interface TestPorts extends AdmissionPorts {
  readonly decisions: readonly Decision[];
  readonly reported: readonly unknown[];
  /** Fields of every image that was to be judged. */
  readonly judged: readonly string[];
}

/** The parts of {@link AdmissionPorts} that a test replaces. */
export type Otherwise = Partial<Omit<AdmissionPorts, 'onDecision' | 'report'>>;

/** Ports whose judge admits every image without `bad` in its name. */
export function testPorts(otherwise: Otherwise = {}): TestPorts {
  const decisions: Decision[] = [];
  const reported: unknown[] = [];
  const judged: string[] = [];
  const judge: AdmissionPorts['judge'] = async (question) => {
    judged.push(...question.images.map(({ field }) => field));
    if (otherwise.judge) return otherwise.judge(question);
    return question.images.map((image) => judgedImage(image, image.image.includes('bad') ? [refused()] : []));
  };
  return {
    policies: () => [],
    namespaceLabels: async () => found({}),
    ...otherwise,
    judge,
    onDecision: (decision) => decisions.push(decision),
    report: (error) => reported.push(error),
    decisions,
    reported,
    judged,
  };
}

/** A finding that refuses; every part can be replaced. */
export function refused(more: Partial<JudgedFinding> = {}): JudgedFinding {
  return {
    kind: 'refused',
    reason: 'Unsigned',
    found: 'no signature by authority "release"; 0 found',
    next: 'sign it',
    policy: 'production',
    transient: false,
    effect: 'deny',
    ...more,
  };
}

/** An image with the verdict that follows from findings. */
export function judgedImage(image: NamedImage, findings: readonly JudgedFinding[]): JudgedImage {
  return { ...image, verdict: { kind: kindOf(findings), findings } };
}

function kindOf(findings: readonly JudgedFinding[]): Verdict['kind'] {
  const effects = findings.map(({ effect, kind }) =>
    effect === 'deny' && kind === 'unknown' ? kind : effect,
  );
  return (['deny', 'unknown', 'warn'] as const).find((kind) => effects.includes(kind)) ?? 'allow';
}
