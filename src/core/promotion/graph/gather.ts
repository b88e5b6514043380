import { formatReference, type PinnedRef, type Reason } from '../../model/index.ts';
import { together } from '../concurrency.ts';
import type { SourceRegistry } from '../ports.ts';
import { assemble } from './assemble.ts';
import type { CarryRules } from './carried.ts';
import { blobsOf, type Graph } from './graph.ts';
import { keptRoot, type KeptPlatforms, type PlatformSelection } from './platforms.ts';
import { createBudget, DEFAULT_GRAPH_LIMITS, walk, type GraphLimits } from './walk.ts';

/** What to gather. */
export interface GatherRequest extends CarryRules {
  readonly image: PinnedRef;
  readonly source: SourceRegistry;
  readonly platforms: PlatformSelection;
  readonly limits?: Partial<GraphLimits>;
}

/** A graph, or why there is none: `ImageNotFound`, `PlatformMissing`. */
export type Gathered =
  | { readonly state: 'gathered'; readonly graph: Graph }
  | { readonly state: 'refused'; readonly reason: Reason };

/**
 * Gathers an image with everything that belongs to it: children, blobs, what refers to any of its manifests, and what cosign
 * keeps under tags. What could not be learned is a Fault and never "no attachments"; more than `limits` is `LimitExceeded`.
 */
export function gatherGraph(request: GatherRequest, signal: AbortSignal): Promise<Gathered> {
  const { image, source, platforms, limits } = request;
  const refused = (reason: Reason) => ({ state: 'refused', reason }) as const;
  const notFound = (detail: string) => refused({ code: 'ImageNotFound', detail });
  return together(signal, async (inner, start): Promise<Gathered> => {
    let kept: Partial<KeptPlatforms> = {};
    if (platforms.keep.length > 0) {
      const content = await source.content(image, inner);
      if (!content) return notFound(`${formatReference(image)} is not there`);
      const cut = await keptRoot(content, request, inner);
      if ('code' in cut) return refused(cut);
      kept = cut;
    }
    const { dropped = [], missing: missingPlatforms = [] } = kept;
    const budget = createBudget(image, { ...DEFAULT_GRAPH_LIMITS, ...limits });
    const seen = await walk({ image, source, rules: request, budget, root: kept.root }, inner, start);
    const digest = kept.root?.manifest.digest ?? image.digest;
    const root = seen.contents.get(digest);
    if (root === undefined) return notFound(`${formatReference(image)} is not there`);
    const given = { seen, root: digest, original: image.digest, dropped, rules: request };
    const { absent, ...rest } = assemble(given);
    if (absent[0] !== undefined)
      return notFound(`an index of ${formatReference(image)} lists ${absent[0]}, which is not there`);
    const blobs = blobsOf([...rest.manifests, ...rest.tagged.map((one) => one.content)]);
    return { state: 'gathered', graph: { image, root, missingPlatforms, blobs, ...rest } };
  });
}
