import type * as z from 'zod';
import type { Enforcement, Parsed, Problem } from '../../model/index.ts';
import { compileAuthorities, type Given } from './authorities.ts';
import { compileGlobs, compileRequirements, type Requirements } from './requirements.ts';
import { selects, type Labels } from './labels.ts';
import { imagePolicySchema, type ImagePolicySpec } from '../schema.ts';

/** A policy ready to judge with: patterns compiled, keys and trust roots read, durations in milliseconds. */
export interface CompiledPolicy extends Requirements {
  readonly name: string;
  readonly enforcement: Enforcement;
  readonly onUnknown: ImagePolicySpec['onUnknown'];
  /** Whether references without a digest are given one before they are judged. */
  readonly pinDigests: boolean;
  /** Why the policy could not be compiled: then it asks nothing else, and its images are unknown. */
  readonly broken?: string;
  /** Whether the policy matches images of this normalised name. */
  readonly coversImage: (name: string) => boolean;
  /** Whether it covers a namespace with these labels; absent = it covers all. */
  readonly coversNamespace?: (labels: Labels) => boolean;
}

/**
 * Turns an ImagePolicy document into something that judges, or lists every problem by field path
 * (`spec.authorities[0].key.secretRef`).
 */
export function compilePolicy(document: unknown, given: Given): Parsed<CompiledPolicy> {
  const policy = imagePolicySchema.safeParse(document);
  if (!policy.success) return { ok: false, problems: problemsOf(policy.error) };
  const { spec, metadata } = policy.data;
  const problems: Problem[] = [];
  const authorities = compileAuthorities(spec.authorities, given, problems);
  const compiled: CompiledPolicy = {
    name: metadata.name,
    enforcement: spec.enforcement,
    onUnknown: spec.onUnknown,
    pinDigests: spec.pinDigests,
    ...compileMatch(spec.match, problems),
    ...compileRequirements(spec.require, authorities, problems),
  };
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: compiled };
}

/** Zod's issues as problems with a Kubernetes field path. */
export function problemsOf(error: z.ZodError): readonly Problem[] {
  return error.issues.map((issue) => {
    const path = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
    return { path: path.join('').replace(/^\./, ''), message: issue.message };
  });
}

/** Where a policy applies. */
export function compileMatch(match: ImagePolicySpec['match'], problems: Problem[]) {
  const images = compileGlobs(match.images, 'spec.match.images', problems);
  const excluded = compileGlobs(match.excludeImages, 'spec.match.excludeImages', problems);
  const selector = match.namespaceSelector;
  return {
    coversImage: (name: string) => images(name) && !excluded(name),
    ...(selector && { coversNamespace: (labels: Labels) => selects(selector, labels) }),
  };
}
