import type { Digest, ManifestContent } from '../../../../src/core/model/index.ts';
import {
  gatherGraph,
  type Gathered,
  type GatherRequest,
} from '../../../../src/core/promotion/graph/gather.ts';
import type { AttachmentSelection, LeftBecause } from '../../../../src/core/promotion/graph/carried.ts';
import type { Graph } from '../../../../src/core/promotion/graph/graph.ts';
import type { RegistriesTwin } from '../../../support/twins/registries.ts';
import { pinned, soon, SOURCE } from '../images.ts';

/** Everything that belongs to an image, but for end-of-life marks. */
export const ALL: AttachmentSelection = { carry: 'All', artifactTypes: [], lifecycle: false };

/** Asks for an image as a promotion of everything does, but for `more`. */
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

/** What goes by digest, in order. */
export const digests = (graph: Graph): Digest[] => graph.manifests.map(({ manifest }) => manifest.digest);
/** Why attachments stay. */
export const lefts = (graph: Graph): LeftBecause[] => graph.attachments.flatMap(({ left }) => left ?? []);
