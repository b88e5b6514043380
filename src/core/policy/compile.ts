import type * as z from 'zod';
import type { Enforcement, Parsed, Problem, PublicKey } from '../model/index.ts';
import { durationMs } from './duration.ts';
import { compileImageGlob } from './image-globs.ts';
import { selects, type Labels } from './labels.ts';
import { parsePublicKey } from './public-key.ts';
import { imagePolicySchema, type ImagePolicySpec } from './schema.ts';

/** Where a policy may point for a key: an entry of a Secret or a ConfigMap. */
export interface MaterialRef {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly name: string;
  readonly key: string;
}

/** Looks up what a policy refers to; `undefined` when it is not there. */
export type Material = (ref: MaterialRef) => string | undefined;

/** Somebody who may sign, under the name the policy gives them. */
export interface Authority {
  readonly name: string;
  readonly key: PublicKey;
}

/** A policy ready to judge with: patterns compiled, keys read, durations in milliseconds. */
export interface CompiledPolicy {
  readonly name: string;
  readonly enforcement: Enforcement;
  readonly onUnknown: ImagePolicySpec['onUnknown'];
  /** Whether the policy speaks of images of this normalised name. */
  readonly coversImage: (name: string) => boolean;
  /** Whether it covers a namespace with these labels; absent = it covers all. */
  readonly coversNamespace?: (labels: Labels) => boolean;
  readonly digest: boolean;
  readonly signatures?: SignatureRequirement;
  readonly quarantine?: QuarantineRequirement;
  readonly lifecycle?: LifecycleRequirement;
}

export interface SignatureRequirement {
  readonly from: readonly Authority[];
  readonly atLeast: number;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface QuarantineRequirement {
  readonly annotations: readonly { readonly key: string; readonly values: readonly string[] }[];
  readonly artifactTypes: readonly string[];
  readonly byPlace: (name: string) => boolean;
  readonly releasedBy: readonly Authority[];
}

export interface LifecycleRequirement {
  readonly refuse: 'EndOfLife' | 'EndOfSupport';
  readonly warnBeforeMs: number;
  readonly gracePeriodMs: number;
  readonly annotations: readonly { readonly key: string; readonly says: 'EndOfLife' | 'EndOfSupport' }[];
  readonly artifactTypes: readonly string[];
  readonly required: boolean;
}

/**
 * Turns an ImagePolicy document into something that judges, or lists every problem by field path
 * (`spec.authorities[0].key.secretRef`).
 */
export function compilePolicy(document: unknown, material: Material): Parsed<CompiledPolicy> {
  const policy = imagePolicySchema.safeParse(document);
  if (!policy.success) return { ok: false, problems: problemsOf(policy.error) };
  const { spec, metadata } = policy.data;
  const problems: Problem[] = [];
  const authorities = compileAuthorities(spec.authorities, material, problems);
  const compiled: CompiledPolicy = {
    name: metadata.name,
    enforcement: spec.enforcement,
    onUnknown: spec.onUnknown,
    ...compileMatch(spec.match, problems),
    ...compileRequirements(spec, authorities, problems),
  };
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: compiled };
}

/** Zod's issues as problems with a Kubernetes field path. */
export function problemsOf(error: z.ZodError): readonly Problem[] {
  return error.issues.map((issue) => {
    const path = issue.path.map((part) =>
      typeof part === 'number' ? `[${String(part)}]` : `.${String(part)}`,
    );
    return { path: path.join('').replace(/^\./, ''), message: issue.message };
  });
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

function compileGlobs(
  patterns: readonly string[],
  path: string,
  problems: Problem[],
): (name: string) => boolean {
  const matchers = patterns.flatMap((pattern, index) => {
    const glob = compileImageGlob(pattern);
    if (glob.ok) return [glob.value];
    problems.push(...at(`${path}[${String(index)}]`, glob.problems));
    return [];
  });
  return (name) => matchers.some((matches) => matches(name));
}

type Authorities = ReadonlyMap<string, Authority | undefined>;

function compileAuthorities(
  authorities: ImagePolicySpec['authorities'],
  material: Material,
  problems: Problem[],
): Authorities {
  const byName = new Map<string, Authority | undefined>();
  const byKey = new Map<string, string>();
  for (const [index, { name, key }] of authorities.entries()) {
    const path = `spec.authorities[${String(index)}]`;
    if (byName.has(name)) problems.push({ path: `${path}.name`, message: `"${name}" is there twice` });
    const read = readKey(key, material, `${path}.key`);
    if (!read.ok) problems.push(...read.problems);
    byName.set(name, read.ok ? { name, key: read.value } : undefined);
    if (!read.ok) continue;
    // One key under two names would let a single signature count as two signers.
    const twin = byKey.get(read.value.fingerprint);
    if (twin !== undefined)
      problems.push({ path: `${path}.key`, message: `is the same key as that of "${twin}"` });
    byKey.set(read.value.fingerprint, name);
  }
  return byName;
}

function readKey(
  key: ImagePolicySpec['authorities'][number]['key'],
  material: Material,
  path: string,
): Parsed<PublicKey> {
  const [field, ref] = key.secretRef
    ? (['secretRef', { kind: 'Secret', ...key.secretRef }] as const)
    : key.configMapRef
      ? (['configMapRef', { kind: 'ConfigMap', ...key.configMapRef }] as const)
      : (['pem', undefined] as const);
  const pem = ref ? material(ref) : key.pem;
  const where = `${path}.${field}`;
  if (pem === undefined || pem === '') {
    const what = ref ? `${ref.kind} ${ref.name} has no key ${ref.key}` : 'is empty';
    return { ok: false, problems: [{ path: where, message: what }] };
  }
  const read = parsePublicKey(pem);
  return read.ok ? read : { ok: false, problems: at(where, read.problems) };
}

function compileRequirements(spec: ImagePolicySpec, authorities: Authorities, problems: Problem[]) {
  const { digest, signatures, quarantine, lifecycle } = spec.require;
  return {
    digest: digest !== undefined,
    ...(signatures && { signatures: compileSignatures(signatures, authorities, problems) }),
    ...(quarantine && {
      quarantine: {
        annotations: quarantine.annotations,
        artifactTypes: quarantine.artifactTypes,
        byPlace: compileGlobs(quarantine.images, 'spec.require.quarantine.images', problems),
        releasedBy: named(quarantine.releasedBy, authorities, 'spec.require.quarantine.releasedBy', problems),
      },
    }),
    ...(lifecycle && {
      lifecycle: {
        refuse: lifecycle.refuse,
        warnBeforeMs: durationMs(lifecycle.warnBefore),
        gracePeriodMs: durationMs(lifecycle.gracePeriod),
        annotations: lifecycle.annotations,
        artifactTypes: lifecycle.artifactTypes,
        required: lifecycle.required,
      },
    }),
  };
}

function compileSignatures(
  { from, atLeast, annotations }: NonNullable<ImagePolicySpec['require']['signatures']>,
  authorities: Authorities,
  problems: Problem[],
): SignatureRequirement {
  const path = 'spec.require.signatures';
  if (atLeast > new Set(from).size) {
    problems.push({ path: `${path}.atLeast`, message: 'is more than the number of names in from' });
  }
  return { from: named(from, authorities, `${path}.from`, problems), atLeast, annotations };
}

function named(
  names: readonly string[],
  authorities: Authorities,
  path: string,
  problems: Problem[],
): Authority[] {
  return [...new Set(names)].flatMap((name) => {
    if (!authorities.has(name)) {
      problems.push({
        path: `${path}[${String(names.indexOf(name))}]`,
        message: `no authority is named "${name}"`,
      });
    }
    return authorities.get(name) ?? [];
  });
}

function at(path: string, problems: readonly Problem[]): readonly Problem[] {
  return problems.map(({ message }) => ({ path, message }));
}
