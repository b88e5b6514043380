import type { Digest, ManifestContent } from '../../../../src/core/model/index.ts';
import {
  gatherGraph,
  type Gathered,
  type GatherRequest,
} from '../../../../src/core/promotion/graph/gather.ts';
import type { CarryRules, LeftBecause } from '../../../../src/core/promotion/graph/carried.ts';
import type { Graph } from '../../../../src/core/promotion/graph/graph.ts';
import type { RegistriesTwin } from '../../../support/twins/registries.ts';
import { pinned, soon, SOURCE } from '../images.ts';

/** All attachments of an image, except end-of-life marks. */
export const ALL: CarryRules['attachments'] = { carry: 'All', artifactTypes: [], lifecycle: false };

/** Gathers an image with all attachments; `more` changes options. */
export function ask(
  twin: RegistriesTwin,
  image: ManifestContent,
  more: Partial<GatherRequest> = {},
): Promise<Gathered> {
  const request: GatherRequest = {
    image: pinned(SOURCE, image.manifest.digest),
    source: twin,
    kind: 'promote',
    attachments: ALL,
    platforms: { keep: [], missing: 'Fail' },
    ...more,
  };
  return gatherGraph(request, soon());
}

/** The graph of an image that is not refused. */
export async function gather(
  twin: RegistriesTwin,
  image: ManifestContent,
  more: Partial<GatherRequest> = {},
): Promise<Graph> {
  const gathered = await ask(twin, image, more);
  if (gathered.state === 'refused') throw new Error(gathered.reason.code);
  return gathered.graph;
}

/** The manifests that are pushed by digest, in order. */
export const digests = (graph: Graph): Digest[] => graph.manifests.map(({ manifest }) => manifest.digest);
/** Why attachments are left out. */
export const lefts = (graph: Graph): LeftBecause[] => graph.attachments.flatMap(({ left }) => left ?? []);
