import { pin, type Digest, type ImageRef } from '../../model/index.ts';
import type { Graph } from '../graph/graph.ts';
import type { TargetRegistry } from '../ports.ts';
import type { Start } from '../concurrency.ts';

/** Carried referrers by their subject. */
export function carriedReferrers({
  attachments,
}: Pick<Graph, 'attachments'>): ReadonlyMap<Digest, readonly Digest[]> {
  const carried = attachments.filter(({ tag, left }) => tag === undefined && left === undefined);
  const byDigest = new Map<Digest, Digest[]>();
  for (const { of, digest } of carried) {
    if (digest !== undefined) byDigest.set(of, [...(byDigest.get(of) ?? []), digest]);
  }
  return byDigest;
}

/** Where is looked, and with what. */
export interface MissingRequest {
  readonly graph: Graph;
  readonly target: TargetRegistry;
  readonly to: ImageRef;
  readonly ask: Start;
}

/**
 * Which manifests of a graph a target lacks. One that is there has all that it needs, since registries take no manifest
 * before its parts; so a target that has everything costs one HEAD and a listing for whatever has referrers. A referrer
 * counts as there when it is listed: one that lies there unlisted is pushed again, and listed by that.
 */
export async function missingAt(
  { graph, target, to, ask }: MissingRequest,
  signal: AbortSignal,
): Promise<ReadonlySet<Digest>> {
  const missing = new Set<Digest>();
  const looked = new Set<Digest>();
  const contents = new Map(graph.manifests.map((content) => [content.manifest.digest, content]));
  const referrers = carriedReferrers(graph);

  const look = async (digest: Digest, known?: boolean): Promise<void> => {
    if (looked.has(digest)) return;
    looked.add(digest);
    const there = known ?? (await ask(() => target.tagDigest(pin(to, digest), signal))) !== undefined;
    if (!there) missing.add(digest);
    const children = contents.get(digest)?.manifest.manifests ?? [];
    await Promise.all([
      ...children.map((child) => look(child.digest, there || undefined)),
      lookAbout(digest, there),
    ]);
  };

  const lookAbout = async (of: Digest, there: boolean): Promise<void> => {
    const ours = referrers.get(of);
    if (ours === undefined) return;
    const listed = there ? await ask(() => target.referrers(pin(to, of), signal)) : [];
    const theirs = new Set(listed.map(({ digest }) => digest));
    await Promise.all(ours.map((digest) => look(digest, theirs.has(digest))));
  };

  await look(graph.root.manifest.digest);
  return missing;
}
