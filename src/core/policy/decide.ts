import type { Evidence, Finding, ImageRef, JudgedFinding, Verdict, Fact } from '../model/index.ts';
import { unknownFinding, type Check } from './checks/check.ts';
import type { CompiledPolicy, Labels } from './compile/compile.ts';
import { inQuarantine, quarantined } from './checks/quarantined.ts';
import { BY_PLACE } from './quarantine.ts';
import { pastEndOfLife } from './checks/past-end-of-life.ts';
import { unattested } from './checks/unattested.ts';
import { unpinned } from './checks/unpinned.ts';
import { unsigned } from './checks/unsigned.ts';
import { vulnerable } from './checks/vulnerable.ts';

/** Everything a verdict follows from. */
interface Case {
  /** The reference as the object names it. */
  readonly use: ImageRef;
  readonly evidence: Evidence;
  readonly selection: Selection;
  readonly now: Date;
}

/**
 * Judges one image: it must satisfy every policy that applies. Pure, synchronous, and total: whatever is not known
 * becomes a finding of kind `unknown`, and only a policy's `onUnknown` turns that into a warning or nothing.
 */
export function decide({ use, evidence, selection, now }: Case): Verdict {
  const applying = selection.applying.flatMap((policy) => {
    const findings =
      policy.broken === undefined
        ? CHECKS.flatMap((check) => check({ use, evidence, policy, now }) ?? [])
        : [policyBroken(policy, policy.broken)];
    return distinct(findings).map((finding) => judged(finding, policy));
  });
  const undecided = selection.undecided.map((policy) => judged(namespaceUnknown(policy, selection), policy));
  return verdict([...applying, ...undecided]);
}

/** The verdict that follows from findings: a refusal takes precedence over an unknown, and an unknown over a warning. */
function verdict(findings: readonly JudgedFinding[]): Verdict {
  const denying = findings.filter(({ effect }) => effect === 'deny');
  if (denying.some(({ kind }) => kind === 'refused')) return { kind: 'deny', findings };
  if (denying.length > 0) return { kind: 'unknown', findings };
  return { kind: findings.some(({ effect }) => effect === 'warn') ? 'warn' : 'allow', findings };
}

function judged(finding: Finding, policy: CompiledPolicy): JudgedFinding {
  return { ...finding, effect: effectOf(finding, policy) };
}

function effectOf({ kind }: Finding, { enforcement, onUnknown }: CompiledPolicy): JudgedFinding['effect'] {
  if (enforcement === 'Audit') return 'audit';
  if (kind === 'unknown' && onUnknown !== 'Deny') return onUnknown === 'Warn' ? 'warn' : 'audit';
  return kind === 'notice' || enforcement === 'Warn' ? 'warn' : 'deny';
}

/** Several checks may miss the same fact; it is reported once. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(
    (finding, index) =>
      findings.findIndex(({ reason, found }) => reason === finding.reason && found === finding.found) ===
      index,
  );
}

function policyBroken(policy: CompiledPolicy, why: string): Finding {
  const detail = `the policy could not be compiled: ${why}`;
  return unknownFinding(policy, {
    state: 'unknown',
    reason: { code: 'PolicyBroken', detail },
    transient: false,
  });
}

function namespaceUnknown(policy: CompiledPolicy, { labels }: Selection): Finding {
  const why = labels.state === 'unknown' ? labels.reason.detail : 'the namespace is not known';
  const detail = `the policy selects namespaces by label, and ${why}`;
  const transient = labels.state === 'unknown' && labels.transient;
  return unknownFinding(policy, {
    state: 'unknown',
    reason: { code: 'NamespaceUnknown', detail },
    transient,
  });
}

/** The verdict for an image that no policy covers, as the settings want it; always with a finding, so that it is seen. */
export function decideUnmatched(setting: 'Allow' | 'Warn' | 'Deny'): Verdict {
  return verdict([
    {
      kind: setting === 'Deny' ? 'refused' : 'notice',
      reason: 'UnmatchedImage',
      found: 'no policy covers it',
      next: 'add it to the images of a policy',
      policy: '',
      transient: false,
      effect: ({ Allow: 'audit', Warn: 'warn', Deny: 'deny' } as const)[setting],
    },
  ]);
}

/**
 * The verdict for text that is no image reference: nothing can be matched, so the strictest enforcement of all policies
 * decides. With no policies at all there is nothing to enforce.
 */
export function decideUnreadable(policies: readonly CompiledPolicy[], why: string): Verdict {
  const effect = (['Deny', 'Warn', 'Audit'] as const).find((one) =>
    policies.some(({ enforcement }) => enforcement === one),
  );
  if (!effect) return { kind: 'allow', findings: [] };
  return verdict([
    {
      kind: 'refused',
      reason: 'InvalidReference',
      found: `the reference ${why}`,
      next: 'correct it',
      policy: '',
      transient: false,
      effect: ({ Deny: 'deny', Warn: 'warn', Audit: 'audit' } as const)[effect],
    },
  ]);
}

/** The policies that match one image in one namespace. */
export interface Selection {
  readonly applying: readonly CompiledPolicy[];
  /** Policies that select namespaces, while the labels of this one are unknown: they may or may not apply. */
  readonly undecided: readonly CompiledPolicy[];
  /** What is known about the namespace's labels. */
  readonly labels: Fact<Labels>;
}

/** Selects by normalised image name and namespace labels. A namespace that cannot be read loosens nothing (CVE-2025-46342). */
export function selectPolicies(
  policies: readonly CompiledPolicy[],
  imageName: string,
  labels: Fact<Labels>,
): Selection {
  const covering = policies.filter((policy) => policy.coversImage(imageName));
  const known = labels.state === 'found' ? labels.value : undefined;
  return {
    applying: covering.filter(({ coversNamespace }) => !coversNamespace || (known && coversNamespace(known))),
    undecided: covering.filter(({ coversNamespace }) => coversNamespace && !known),
    labels,
  };
}

/**
 * The verdict that nothing in a registry could change: the repository is in quarantine, the policy denies, and it names no
 * one who may release images. `undefined` when more has to be known. The caller then reads nothing, and gets the answer
 * also while the registry is down.
 */
export function decideByName({ applying }: Selection, imageName: string): Verdict | undefined {
  const settling = applying.filter((policy) => refusesForGood(policy, imageName));
  if (settling.length === 0) return undefined;
  return verdict(
    settling.map(({ name }) => ({ ...inQuarantine(name, [BY_PLACE], ''), effect: 'deny' as const })),
  );
}

function refusesForGood({ enforcement, broken, quarantine }: CompiledPolicy, imageName: string): boolean {
  if (enforcement !== 'Deny' || broken !== undefined || !quarantine) return false;
  return quarantine.releasedBy.length === 0 && quarantine.byPlace(imageName);
}

/** The ways to be refused, in the order in which they are listed. */
const CHECKS: readonly Check[] = [unpinned, unsigned, unattested, quarantined, vulnerable, pastEndOfLife];
