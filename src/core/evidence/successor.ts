import { nameOf, pin, type Fact, type Manifest, type PinnedRef, type Successor } from '../model/index.ts';
import { readLifecycle, successorTags, type CompiledPolicy } from '../policy/index.ts';
import { learn } from './learn.ts';
import { readReferrers } from './referrers.ts';
import { readTag } from './resolve.ts';
import type { Sources } from './sources.ts';

/** Candidates looked at before giving up: it is advice in a message and must stay cheap. */
const MAX_CANDIDATES = 5;

/** Finds the newest tag of an image's line that claims no passed date; advice only, no verdict depends on it. */
export function readSuccessor(
  image: PinnedRef,
  manifest: Manifest,
  policies: readonly CompiledPolicy[],
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<Fact<Successor>> {
  const rules = {
    annotations: policies.flatMap(({ lifecycle }) => lifecycle?.annotations ?? []),
    artifactTypes: policies.flatMap(({ lifecycle }) => lifecycle?.artifactTypes ?? []),
  };
  return sources.memory.recall(
    {
      key: ['successor', nameOf(image), image.tag ?? '', image.digest, JSON.stringify(rules)],
      load: async (loadSignal) => {
        const tags = await learn(() => sources.registry.tags(image, loadSignal), sources);
        if (tags.state !== 'found') return tags;
        const candidates = successorTags(image, manifest, tags.value).slice(0, MAX_CANDIDATES);
        for (const tag of candidates) {
          if (await isSupported({ ...image, tag }, rules, { sources, signal: loadSignal })) {
            return { ...tags, value: { tag } };
          }
        }
        return { state: 'absent', seenAt: tags.seenAt };
      },
    },
    signal,
  );
}

async function isSupported(
  { registry, repository, tag }: PinnedRef,
  rules: Parameters<typeof readLifecycle>[1],
  { sources, signal }: { readonly sources: Sources; readonly signal: AbortSignal },
): Promise<boolean> {
  if (tag === undefined) return false;
  const ref = { registry, repository, tag };
  const manifest = await readTag(ref, sources, signal);
  if (manifest.state !== 'found') return false;
  const referrers = await readReferrers(pin(ref, manifest.value.digest), sources, signal);
  const { claims, incomplete } = readLifecycle({ manifest, referrers }, rules);
  return !incomplete && claims.every(({ moment }) => moment > sources.clock());
}
