import { formatReference, type ManifestContent, type Reason } from '../../model/index.ts';
import { together, type Start } from '../concurrency.ts';
import { assemble } from './assemble.ts';
import type { CarryRules } from './carried.ts';
import { blobsOf, type Graph } from './graph.ts';
import { createBudget, DEFAULT_GRAPH_LIMITS, type GraphLimits } from './limits.ts';
import { keptRoot, notFound, type RootRequest } from './kept-root.ts';
import type { KeptPlatforms } from './platforms.ts';
import { walk } from './walk.ts';

/** What to gather. */
export interface GatherRequest extends RootRequest, CarryRules {
  readonly limits?: Partial<GraphLimits>;
  /** The tags of the source repository, for a caller that has listed them already: it saves a request. */
  readonly tags?: readonly string[];
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
  return together(signal, async (inner, start) => {
    if (request.platforms.keep.length === 0) {
      return gather(request, { root: request.root, dropped: [], missing: [] }, inner, start);
    }
    const kept = await keptRoot(request, inner);
    return 'code' in kept ? { state: 'refused', reason: kept } : gather(request, kept, inner, start);
  });
}

async function gather(
  request: GatherRequest,
  { root, dropped, missing }: Omit<KeptPlatforms, 'root'> & { readonly root: ManifestContent | undefined },
  signal: AbortSignal,
  start: Start,
): Promise<Gathered> {
  const { image, source, tags } = request;
  const budget = createBudget(image, { ...DEFAULT_GRAPH_LIMITS, ...request.limits });
  const known = { ...(tags && { tags }), ...(root && { root }) };
  const seen = await walk({ image, source, rules: request, budget, ...known }, signal, start);
  const digest = root?.manifest.digest ?? image.digest;
  const content = seen.contents.get(digest);
  if (content === undefined) return { state: 'refused', reason: notFound(image) };
  const { absent, ...rest } = assemble({
    seen,
    root: digest,
    original: image.digest,
    dropped,
    rules: request,
  });
  if (absent[0] !== undefined) {
    const detail = `an index of ${formatReference(image)} lists ${absent[0]}, which is not there`;
    return { state: 'refused', reason: { code: 'ImageNotFound', detail } };
  }
  const blobs = blobsOf([...rest.manifests, ...rest.tagged.map((one) => one.content)]);
  const rebuilt = dropped.length > 0;
  return {
    state: 'gathered',
    graph: { image, root: content, rebuilt, missingPlatforms: missing, blobs, ...rest },
  };
}
