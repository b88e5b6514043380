import pLimit from 'p-limit';
import { pin, type Descriptor, type Digest, type ImageRef, type ManifestContent } from '../../model/index.ts';
import { blobsOf, type Graph } from '../graph/graph.ts';
import type { SourceRegistry, TargetRegistry } from '../ports.ts';
import { together, type Start } from '../concurrency.ts';
import { missingAt } from './missing.ts';
import { createTally, type CopyProgress } from './progress.ts';
import { lookAtTag, pushTag, type TagTask } from './tagged.ts';

/** What to copy from where to where. */
export interface CopyRequest {
  readonly graph: Graph;
  readonly source: SourceRegistry;
  readonly target: TargetRegistry;
  /** The repository at the target; a tag in it plays no part here. */
  readonly to: ImageRef;
  /** Whether the target repository is known to hold no manifest yet: then only cosign's tags are looked for there. */
  readonly targetIsNew: boolean;
  /** Blobs and manifests on their way at the same time; {@link COPY_AT_ONCE} when not given. */
  readonly concurrency?: number;
  /** Called for every change; must not throw. */
  readonly onProgress?: (progress: CopyProgress) => void;
}

/** Transfers at the same time for one image: enough to hide latency; the registry's own budget is shared by all images. */
export const COPY_AT_ONCE = 16;

/**
 * Brings a graph to the target, all but the tag: blobs, largest first; each manifest as soon as what it needs is there, as
 * the bytes it has at the source; cosign's tags merged into what the target has. Safe to repeat, and cheap where nothing is
 * missing. The first Fault ends this image, and this image only.
 */
export function copyGraph(request: CopyRequest, signal: AbortSignal): Promise<CopyProgress> {
  return together(signal, async (inner, start) => {
    const { graph, concurrency = COPY_AT_ONCE } = request;
    const limits = { asks: pLimit(concurrency), blobs: pLimit(concurrency), pushes: pLimit(concurrency) };
    const within =
      (limit: keyof typeof limits): Start =>
      (task) =>
        start(() => limits[limit](task));
    const plan = await planCopy(request, within('asks'), inner);
    const tally = createTally(totalOf(graph), request.onProgress);
    const brought = new Set(plan.blobs.map(({ digest }) => digest));
    for (const blob of graph.blobs) if (!brought.has(blob.digest)) tally.arrived('present', blob);
    tally.pushed(graph.manifests.length - plan.manifests.length);

    const { source, target, to, targetIsNew } = request;
    const blobs = new Map<Digest, Promise<void>>();
    const bring = within('blobs');
    for (const blob of plan.blobs) {
      const transfer = {
        blob,
        source,
        from: graph.image,
        to,
        onBytes: tally.moved,
        maybeThere: !targetIsNew,
      };
      const arrival = bring(() => target.transferBlob(transfer, inner)).then((how) => {
        tally.arrived(how, blob);
      });
      blobs.set(blob.digest, arrival);
    }
    const push = within('pushes');
    const manifests = new Map<Digest, Promise<void>>();
    /** Once all that a manifest needs is there; what this copy does not bring is there already. */
    const ready = async ({ manifest }: ManifestContent): Promise<void> => {
      const parts = blobsOf([{ manifest }]).map(({ digest }) => blobs.get(digest));
      const before = [...manifest.manifests, ...(manifest.subject ? [manifest.subject] : [])];
      await Promise.all([...parts, ...before.map(({ digest }) => manifests.get(digest))]);
    };
    for (const content of plan.manifests) {
      const { digest } = content.manifest;
      const pushed = ready(content).then(() =>
        push(() => target.pushManifest(pin(to, digest), content, inner)),
      );
      manifests.set(
        digest,
        pushed.then(() => tally.pushed(1)),
      );
    }
    const tags = plan.tags.map(async (look) => {
      const task = await look();
      if (task.state === 'push' || task.state === 'merge') {
        await ready(task.one.content);
        await push(() => pushTag(task, { target, to }, inner));
      }
      tally.pushed(1);
    });
    await Promise.all([...blobs.values(), ...manifests.values(), ...tags]);
    return tally.now();
  });
}

/** What has to be brought. */
interface CopyPlan {
  readonly manifests: readonly ManifestContent[];
  readonly tags: readonly (() => Promise<TagTask>)[];
  readonly blobs: readonly Descriptor[];
}

async function planCopy(
  { graph, target, to, targetIsNew }: CopyRequest,
  ask: Start,
  signal: AbortSignal,
): Promise<CopyPlan> {
  const looks = graph.tagged.map((one) => () => ask(() => lookAtTag(one, { target, to }, signal)));
  // Read while blobs are under way: another run may have signed the same image since the registry reported that nothing is there.
  if (targetIsNew) return { manifests: graph.manifests, tags: looks, blobs: graph.blobs };
  const [missing, looked] = await Promise.all([
    missingAt({ graph, target, to, ask }, signal),
    Promise.all(looks.map((look) => look())),
  ]);
  const manifests = graph.manifests.filter(({ manifest }) => missing.has(manifest.digest));
  const brought = looked.flatMap(({ state, one }) =>
    state === 'push' || state === 'merge' ? [one.content] : [],
  );
  const tags = looked.map((task) => () => Promise.resolve(task));
  return { manifests, tags, blobs: blobsOf([...manifests, ...brought]) };
}

function totalOf({ blobs, manifests, tagged }: Graph): CopyProgress['total'] {
  return {
    bytes: blobs.reduce((sum, { size }) => sum + size, 0),
    blobs: blobs.length,
    manifests: manifests.length + tagged.length,
  };
}
