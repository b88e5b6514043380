import { formatReference, nameOf, parseReference } from '../core/model/index.ts';
import type { Fact, ImageRef } from '../core/model/index.ts';
import { explainWarning, selectPolicies, type CompiledPolicy, type Labels } from '../core/policy/index.ts';
import type { ImageUse } from '../core/workload/index.ts';

/** Under which policies images come, and what happens to them afterwards. */
interface Circumstances {
  readonly policies: readonly CompiledPolicy[];
  readonly labels: Fact<Labels>;
  /** Pods made from this object get digests from policies that pin. */
  readonly isPinnedLater: boolean;
}

/**
 * Warnings about images that a node may have under the same tag already, another one than was judged: one for each reference with
 * a tag only that the node does not always pull, where a policy that denies asks for signatures. A node that has such an image runs
 * it without asking the registry, and nothing here can see that.
 */
export function warnCachedTags(images: readonly ImageUse[], given: Circumstances): readonly string[] {
  const warned = new Map<string, string>();
  for (const use of images) {
    if (use.image.includes('@')) continue; // it names a digest, or is no reference
    const ref = parseReference(use.image);
    if (!ref.ok || isAlwaysPulled(use, ref.value)) continue;
    const policy = policyAgainst(ref.value, given);
    const key = formatReference(ref.value);
    if (policy && !warned.has(key)) warned.set(key, warningAbout(use, ref.value, policy));
  }
  return [...warned.values()];
}

/** Kubernetes pulls `latest` always and every other tag if it is not there, unless the object says it (`imagePullPolicy`). */
function isAlwaysPulled({ pullPolicy }: ImageUse, { tag }: ImageRef): boolean {
  return (pullPolicy ?? (tag === 'latest' ? 'Always' : '')) === 'Always';
}

function policyAgainst(
  ref: ImageRef,
  { policies, labels, isPinnedLater }: Circumstances,
): CompiledPolicy | undefined {
  const { applying } = selectPolicies(policies, nameOf(ref), labels);
  if (isPinnedLater && applying.some(({ pinDigests }) => pinDigests)) return undefined;
  return applying.find(({ enforcement, signatures, attestations }) => {
    return enforcement === 'Deny' && (signatures !== undefined || attestations.length > 0);
  });
}

function warningAbout(use: ImageUse, reference: ImageRef, { name }: CompiledPolicy): string {
  const found = 'a node that has another image under this tag runs that one';
  const next = 'add the digest, pinDigests or imagePullPolicy: Always';
  const finding = { reason: 'TagMayDiffer', found, next, policy: name, transient: false } as const;
  return explainWarning({ ...use, reference }, finding);
}
