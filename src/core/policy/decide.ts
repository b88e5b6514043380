import { formatReference, isPinned, unknown } from '../model/index.ts';
import type { Evidence, Fact, Finding, ImageRef, JudgedFinding, Unknown, Verdict } from '../model/index.ts';
import { refused, unknownFinding, type Check } from './checks/check.ts';
import { pastEndOfLife } from './checks/past-end-of-life.ts';
import { BY_PLACE, inQuarantine, quarantined } from './checks/quarantined.ts';
import { unattested } from './checks/unattested.ts';
import { unsigned } from './checks/unsigned.ts';
import { vulnerable } from './checks/vulnerable.ts';
import type { CompiledPolicy, Labels } from './compile/compile.ts';

/** Refuses a reference without digest where the policy demands one. */
export const unpinned: Check = ({ use, evidence: { image }, policy }) => {
  if (!policy.digest || isPinned(use)) return undefined;
  const next = isPinned(image) ? `write ${formatReference(image)}` : 'add @sha256:… to the reference';
  return refused(policy, 'NotPinned', 'the reference names no digest', next);
};

/** The ways to be refused, in the order in which they are listed. */
const CHECKS: readonly Check[] = [unpinned, unsigned, unattested, quarantined, vulnerable, pastEndOfLife];

/** Policies of a folder, with the labels of the namespaces beside them; `unknown` for one that no document describes. */
export interface FolderPolicies {
  readonly policies: readonly CompiledPolicy[];
  readonly namespaceLabels: (namespace: string) => Fact<Labels>;
}

/** The policies that are asked in this place; the same value where all are. */
export function policiesAt(
  policies: readonly CompiledPolicy[],
  place: NonNullable<CompiledPolicy['at']>[number],
): readonly CompiledPolicy[] {
  const isAsked = ({ at }: CompiledPolicy): boolean => !at || at.includes(place);
  return policies.every(isAsked) ? policies : policies.filter(isAsked);
}

/** The policies that match one image in one namespace. */
export interface Selection {
  readonly applying: readonly CompiledPolicy[];
  /** Policies that select namespaces, while the labels of this one are unknown: they may or may not apply. */
  readonly undecided: readonly CompiledPolicy[];
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

/** Everything a verdict follows from; `use` is the reference as the object names it. */
interface Case {
  readonly use: ImageRef;
  readonly evidence: Evidence;
  readonly selection: Selection;
  readonly now: Date;
  /** Why logins that the object names were not used; what is known of the image was read without them. */
  readonly unread?: Unknown | undefined;
}

/**
 * Judges one image: it must satisfy every policy that applies. Pure, synchronous, and total: whatever is not known
 * becomes a finding of kind `unknown`, and only a policy's `onUnknown` turns that into a warning or nothing.
 */
export function decide({ use, evidence, selection, now, unread }: Case): Verdict {
  const { applying, undecided, labels } = selection;
  const findings = [
    ...applying.flatMap((policy) => {
      if (policy.broken !== undefined) return judged(policyBroken(policy, policy.broken), policy);
      const findings = CHECKS.flatMap((check) => check({ use, evidence, policy, now }) ?? []);
      return distinct(findings).map((finding) => judged(finding, policy));
    }),
    ...undecided.map((policy) => judged(namespaceUnknown(policy, labels), policy)),
  ];
  const isNamed = findings.some(({ reason }) => reason === unread?.reason.code);
  return verdict(unread && !isNamed ? [...findings, ...readWithout(unread, applying)] : findings);
}

/** Names once what was not used, under the first policy that reports to people. */
function readWithout(unread: Unknown, applying: readonly CompiledPolicy[]): readonly JudgedFinding[] {
  const policy = applying.find(({ enforcement }) => enforcement !== 'Audit') ?? applying[0];
  if (!policy) return [];
  const finding = unknownFinding(policy, unread);
  return [judged({ ...finding, kind: 'notice', found: `read without it, ${finding.found}` }, policy)];
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

function effectOf(finding: Finding, { enforcement, onUnknown }: CompiledPolicy): JudgedFinding['effect'] {
  const { kind } = finding;
  if (enforcement === 'Audit') return 'audit';
  if (isOpen(finding) && onUnknown !== 'Deny') return onUnknown === 'Warn' ? 'warn' : 'audit';
  return kind === 'notice' || enforcement === 'Warn' ? 'warn' : 'deny';
}

/**
 * What the author of an image, or of an object that names very many, brings about at will: it would turn a flag or a missing signature
 * into something unknown that is admitted.
 */
const BROUGHT_ABOUT: ReadonlySet<Finding['reason']> = new Set(['LimitExceeded', 'AmbiguousIndex']);

/** Whether `onUnknown` decides. */
function isOpen({ kind, reason }: Finding): boolean {
  return kind === 'unknown' && !BROUGHT_ABOUT.has(reason);
}

/** Several checks may miss the same fact; it is reported once. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  const keyOf = ({ reason, found }: Finding) => `${reason} ${found}`;
  const keys = findings.map(keyOf);
  return findings.filter((_, index) => keys.indexOf(keys[index] ?? '') === index);
}

function policyBroken(policy: CompiledPolicy, why: string): Finding {
  return unknownFinding(policy, unknown('PolicyBroken', `the policy could not be compiled: ${why}`));
}

function namespaceUnknown(policy: CompiledPolicy, labels: Fact<Labels>): Finding {
  const why = labels.state === 'unknown' ? labels.reason.detail : 'the namespace is not known';
  const detail = `the policy selects namespaces by label, and ${why}`;
  const transient = labels.state === 'unknown' && labels.transient;
  return unknownFinding(policy, unknown('NamespaceUnknown', detail, transient));
}

const NO_POLICY = { name: '' };

/** The verdict for an image that no policy covers, as the settings want it; always with a finding, so that it is seen. */
export function decideUnmatched(setting: 'Allow' | 'Warn' | 'Deny'): Verdict {
  const next = 'add it to the images of a policy';
  const finding = refused(NO_POLICY, 'UnmatchedImage', 'no policy covers it', next);
  if (setting === 'Deny') return verdict([{ ...finding, effect: 'deny' }]);
  return verdict([{ ...finding, kind: 'notice', effect: setting === 'Warn' ? 'warn' : 'audit' }]);
}

/**
 * The verdict for text that is no image reference: nothing can be matched, so the strictest enforcement of all policies
 * decides. With no policies at all there is nothing to enforce.
 */
export function decideUnreadable(policies: readonly CompiledPolicy[], why: string): Verdict {
  const finding = refused(NO_POLICY, 'InvalidReference', `the reference ${why}`, 'correct it');
  const effects = policies.map(({ enforcement }) => EFFECTS[enforcement]);
  const effect = Object.values(EFFECTS).find((one) => effects.includes(one));
  return effect ? verdict([{ ...finding, effect }]) : { kind: 'allow', findings: [] };
}

/** What follows from a refusal, the strictest first. */
const EFFECTS = { Deny: 'deny', Warn: 'warn', Audit: 'audit' } as const;

/**
 * The verdict that nothing in a registry could change: the repository is in quarantine, the policy denies, and it names no
 * one who may release images. `undefined` when more has to be known. The caller then reads nothing, and gets the answer
 * also while the registry is down.
 */
export function decideByName({ applying }: Selection, imageName: string): Verdict | undefined {
  const findings = applying
    .filter((policy) => refusesForGood(policy, imageName))
    .map((policy) => judged(inQuarantine(policy, [BY_PLACE], ''), policy));
  return findings.length === 0 ? undefined : verdict(findings);
}

function refusesForGood({ enforcement, broken, quarantine }: CompiledPolicy, imageName: string): boolean {
  if (enforcement !== 'Deny' || broken !== undefined || !quarantine) return false;
  return quarantine.releasedBy.length === 0 && quarantine.byPlace(imageName);
}
