import { isPinned, type Evidence, type ImageRef, type PinnedRef } from '../model/index.ts';
import { needsAtFirst, needsNext, type CompiledPolicy } from '../policy/index.ts';
import { unknown } from './learn.ts';
import { readChildren } from './platforms.ts';
import { readReferrers } from './referrers.ts';
import { resolve } from './resolve.ts';
import { mergeSignatures, readSignatures } from './signatures.ts';
import type { Sources } from './sources.ts';
import { readSuccessor } from './successor.ts';

/** A question that no policy asked: should a check read it all the same, it finds no comfort. */
const NOT_ASKED = unknown('InternalError', 'this was not gathered', false);

/** Which image to learn about, for which policies. */
export interface Gathering {
  readonly ref: ImageRef;
  readonly policies: readonly CompiledPolicy[];
}

/**
 * Learns what the policies need to know about one image, all questions at once as far as they do not depend on each
 * other. Never throws: what cannot be learned is `unknown`.
 */
export async function gather(
  { ref, policies }: Gathering,
  given: Sources,
  signal: AbortSignal,
): Promise<Evidence> {
  const nothing: Evidence = {
    image: ref,
    manifest: NOT_ASKED,
    referrers: NOT_ASKED,
    signatures: NOT_ASKED,
    children: NOT_ASKED,
    successor: NOT_ASKED,
  };
  const needs = needsAtFirst(policies);
  if (!needs.registry) return nothing;
  const sources = needs.marks ? { ...given, thorough: true } : given;
  // With a digest in hand nothing waits for the manifest; a tag has to be resolved first, once.
  if (isPinned(ref)) return learnAll(ref, resolve(ref, sources, signal), policies, { sources, signal });
  const resolved = await resolve(ref, sources, signal);
  if (!isPinned(resolved.image)) {
    const { manifest } = resolved;
    const dark = manifest.state === 'unknown' ? manifest : NOT_ASKED;
    return { ...nothing, manifest, referrers: dark, signatures: dark };
  }
  return learnAll(resolved.image, Promise.resolve(resolved), policies, { sources, signal });
}

async function learnAll(
  image: PinnedRef,
  resolving: ReturnType<typeof resolve>,
  policies: readonly CompiledPolicy[],
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Evidence> {
  const listing = readReferrers(image, sources, signal);
  const asked = needsAtFirst(policies).signatures;
  const early = asked && readSignatures(image, asked, sources, signal);
  const [{ manifest }, referrers, first] = await Promise.all([resolving, listing, early]);
  const next = needsNext(policies, { image, manifest, referrers }, sources.clock());
  const [releases, children, successor] = await Promise.all([
    next.signatures && readSignatures(image, next.signatures, sources, signal),
    asked?.everyChild ? readChildren(image, manifest, asked, { sources, signal }) : NOT_ASKED,
    next.successor && manifest.state === 'found'
      ? readSuccessor(image, manifest.value, policies, { sources, signal })
      : NOT_ASKED,
  ]);
  const facts = [first, releases].filter((fact) => fact !== undefined);
  const signatures = facts.length > 0 ? mergeSignatures(facts) : NOT_ASKED;
  return { image, manifest, referrers, signatures, children, successor };
}
