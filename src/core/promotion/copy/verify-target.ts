import pLimit from 'p-limit';
import { formatReference, pin, type Digest, type ImageRef, type Reason } from '../../model/index.ts';
import { carriedReferrers, countAttachments, type Graph } from '../graph/graph.ts';
import type { TargetRegistry } from '../ports.ts';
import type { AttachmentCounts } from '../result.ts';
import { together, type Start } from '../concurrency.ts';
import { lookAtTag } from './tagged.ts';

/** What the target has of a graph: all that was to be carried, or less, with the reason `CopyIncomplete` and the numbers. */
export interface Arrived {
  readonly state: 'complete' | 'short';
  readonly counts: AttachmentCounts;
  readonly reason?: Reason;
}

/** What is counted again, and where. */
interface VerifyRequest {
  readonly graph: Graph;
  readonly target: TargetRegistry;
  /** The repository at the target. */
  readonly to: ImageRef;
  /** Also asks for every child of the index: for a caller that deletes the source next. */
  readonly thorough?: boolean;
}

/** Looks at the same time; the registry's own budget is shared by all images. */
const LOOK_AT_ONCE = 16;

/**
 * Counts at the target: the image by its digest, what is listed for every manifest that has carried referrers,
 * and the signatures under cosign's tags. A tag where the target has its own, which cannot be merged, counts as left by rule.
 */
export function verifyTarget(request: VerifyRequest, signal: AbortSignal): Promise<Arrived> {
  const { graph, target, to, thorough = false } = request;
  return together(signal, async (inner, start): Promise<Arrived> => {
    const limit = pLimit(LOOK_AT_ONCE);
    const ask: Start = (task) => start(() => limit(task));
    const at = { target, to };
    const referrers = [...carriedReferrers(graph)];
    const parts = thorough ? partsOf(graph) : [graph.root.manifest.digest];
    const [there, listed, tags] = await Promise.all([
      Promise.all(parts.map((digest) => ask(() => target.tagDigest(pin(to, digest), inner)))),
      Promise.all(referrers.map(([of]) => ask(() => target.referrers(pin(to, of), inner)))),
      Promise.all(graph.tagged.map((one) => ask(() => lookAtTag(one, at, inner)))),
    ]);
    const absent = parts.filter((digest, index) => there[index] !== digest);
    const seen = referrers.flatMap(([, digests], index) => {
      const theirs = new Set(listed[index]?.map(({ digest }) => digest));
      return digests.filter((digest) => theirs.has(digest));
    });
    const found = countAttachments(graph);
    const apart = tags.filter(({ state }) => state === 'apart').length;
    const present = tags.filter(({ state }) => state === 'present').length;
    const counts = { ...found, carried: seen.length + present, leftByRule: found.leftByRule + apart };
    if (absent.length === 0 && counts.carried === found.carried - apart) return { state: 'complete', counts };
    const reason = { code: 'CopyIncomplete', detail: explain(to, counts, absent) } as const;
    return { state: 'short', counts, reason };
  });
}

/** The image and its children, without their referrers. */
function partsOf({ root, manifests }: Graph): readonly Digest[] {
  const contents = new Map(manifests.map(({ manifest }) => [manifest.digest, manifest]));
  const parts = new Set<Digest>([root.manifest.digest]);
  for (const digest of parts)
    for (const child of contents.get(digest)?.manifests ?? []) parts.add(child.digest);
  return [...parts];
}

function explain(to: ImageRef, counts: AttachmentCounts, absent: readonly Digest[]): string {
  const { found, carried, leftByRule } = counts;
  const numbers = `attachments: found ${String(found)}, carried ${String(carried)}, left by rule ${String(leftByRule)}`;
  const first =
    absent[0] === undefined ? '' : `; ${String(absent.length)} manifests are missing, first ${absent[0]}`;
  return `${formatReference(to)}: ${numbers}${first}`;
}
