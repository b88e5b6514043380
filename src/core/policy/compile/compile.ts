import { describeProblems, digestOf, objectOf, ownField, parsed, parseWith } from '../../model/index.ts';
import type { Enforcement, ImageRef, Parsed, Problem } from '../../model/index.ts';
import { compileAuthorities, type Given } from './authorities.ts';
import { compileImageGlob, readRefusedGlob } from './image-globs.ts';
import { compileGlobs, compileRequirements, type Requirements } from './requirements.ts';
import {
  imagePolicySchema,
  type ImagePolicySpec,
  imagePolicySpecSchema,
  namespaceSelectorSchema,
} from '../schema.ts';

/** A policy ready to judge with: patterns compiled, keys and trust roots read, durations in milliseconds. */
export interface CompiledPolicy extends Requirements {
  readonly name: string;
  /** A digest of its `spec`, defaults filled in; absent = it was not compiled from a document. */
  readonly fingerprint?: string;
  readonly enforcement: Enforcement;
  readonly onUnknown: ImagePolicySpec['onUnknown'];
  /** Where it is asked; absent = everywhere. */
  readonly at?: ImagePolicySpec['at'];
  /** Whether references without a digest are given one before they are judged. */
  readonly pinDigests: boolean;
  /** Another repository that may hold what belongs to images, besides those of its authorities; only promotions name one. */
  readonly attachments?: ImageRef | undefined;
  /** Why the policy could not be compiled: then it asks nothing else, and its images are unknown. */
  readonly broken?: string;
  /** Whether the policy matches images of this normalised name. */
  readonly coversImage: (name: string) => boolean;
  /** Whether it covers a namespace with these labels; absent = it covers all. */
  readonly coversNamespace?: (labels: Labels) => boolean;
}

/** Compiles an ImagePolicy document, or lists every problem by field path (`spec.authorities[0].key.secretRef`). */
export function compilePolicy(document: unknown, given: Given): Parsed<CompiledPolicy> {
  const policy = parseWith(imagePolicySchema, document);
  if (!policy.ok) return policy;
  const { spec, metadata } = policy.value;
  const problems: Problem[] = [];
  const authorities = compileAuthorities(spec.authorities, given, problems);
  const compiled: CompiledPolicy = {
    name: metadata.name,
    fingerprint: digestOf(JSON.stringify(spec)),
    enforcement: spec.enforcement,
    onUnknown: spec.onUnknown,
    pinDigests: spec.pinDigests,
    at: spec.at,
    ...compileMatch(spec.match, problems),
    ...compileRequirements(spec.require, authorities, problems),
  };
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: compiled };
}

function compileMatch(match: ImagePolicySpec['match'], problems: Problem[]) {
  const images = compileGlobs(match.images, 'spec.match.images', problems);
  const excluded = compileGlobs(match.excludeImages, 'spec.match.excludeImages', problems);
  const selector = match.namespaceSelector;
  return {
    coversImage: (name: string) => images(name) && !excluded(name),
    ...(selector && { coversNamespace: (labels: Labels) => selects(selector, labels) }),
  };
}

/** Labels of a namespace. */
export type Labels = Readonly<Record<string, string>>;

type Selector = NonNullable<ImagePolicySpec['match']['namespaceSelector']>;
type Expression = NonNullable<Selector['matchExpressions']>[number];

/** Compiles a Kubernetes label selector for namespaces; problems have the path of the field inside it. */
export function compileNamespaceSelector(written: unknown): Parsed<(labels: Labels) => boolean> {
  const read = parseWith(namespaceSelectorSchema, written);
  return read.ok ? parsed((labels: Labels) => selects(read.value, labels)) : read;
}

/** Whether labels satisfy a Kubernetes label selector; an empty selector selects everything, as in Kubernetes. */
function selects(selector: Selector, labels: Labels): boolean {
  const byLabel = Object.entries(selector.matchLabels ?? {}).every(
    ([key, value]) => ownField(labels, key) === value,
  );
  return byLabel && (selector.matchExpressions ?? []).every((expression) => holds(expression, labels));
}

function holds({ key, operator, values = [] }: Expression, labels: Labels): boolean {
  const value = ownField(labels, key);
  const isThere = value !== undefined;
  const isAmong = isThere && values.includes(value);
  return { In: isAmong, NotIn: !isAmong, Exists: isThere, DoesNotExist: !isThere }[operator];
}

/** The parts that say where a policy applies and how hard; read one by one, because another part is what is broken. */
const parts = imagePolicySpecSchema.shape;

/**
 * Stands in for a policy that does not compile: its images are `unknown`, never simply unmatched. As much of it as can be
 * read counts: its patterns, its namespaces, its enforcement. A part that cannot be read is taken at its strictest: every
 * image, every namespace, Deny.
 */
export function brokenPolicy(name: string, document: unknown, problems: readonly Problem[]): CompiledPolicy {
  const spec = objectOf(objectOf(document).spec);
  const match = parts.match.safeParse(spec.match);
  const unreadable: Problem[] = [];
  const compiled = match.success ? compileMatch(match.data, unreadable) : undefined;
  return {
    name,
    broken: describeProblems(problems),
    enforcement: parts.enforcement.safeParse(spec.enforcement).data ?? 'Deny',
    onUnknown: parts.onUnknown.safeParse(spec.onUnknown).data ?? 'Deny',
    pinDigests: parts.pinDigests.safeParse(spec.pinDigests).data ?? false,
    at: parts.at.safeParse(spec.at).data,
    digest: false,
    attestations: [],
    ...(compiled && unreadable.length === 0
      ? compiled
      : (readMatch(match.data) ?? { coversImage: () => true })),
  };
}

/**
 * The match of a policy that was stored before some globs were refused: each of these at the most that it may be read as, and
 * nothing excluded by one. `undefined` when a pattern never was a glob.
 */
function readMatch(match: ImagePolicySpec['match'] | undefined): ReturnType<typeof compileMatch> | undefined {
  if (!match) return undefined;
  const read = match.images.map((pattern) => {
    const glob = compileImageGlob(pattern);
    return glob.ok ? glob.value : readRefusedGlob(pattern);
  });
  if (read.includes(undefined)) return undefined;
  const { coversImage: isLeft, ...where } = compileMatch({ ...match, images: ['**'] }, []);
  return { ...where, coversImage: (name) => read.some((covers) => covers?.(name)) && isLeft(name) };
}

/**
 * A policy as a promotion asks it of its source: whatever image it is and wherever it may run, refusing also what is unknown.
 * The quarantine flag is not asked: lifting it is what a promotion is for.
 */
export function asGate(policy: CompiledPolicy): CompiledPolicy {
  const everywhere = { coversImage: () => true, coversNamespace: undefined };
  return { ...policy, ...everywhere, enforcement: 'Deny', onUnknown: 'Deny', quarantine: undefined };
}
