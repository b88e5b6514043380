// A warm process that copies what its parent names, and says what that took.
import { anonymous, createRegistry } from '../src/adapters/registry/index.ts';
import { pin, type ImageRef } from '../src/core/model/index.ts';
import { copyGraph, gatherGraph, isUpToDate, verifyTarget } from '../src/core/promotion/index.ts';

/** One copy from tag to tag. */
export interface CopyOrder {
  readonly from: ImageRef;
  readonly to: ImageRef;
  readonly targetIsNew: boolean;
  /** Whether attachments that arrived before are remembered. */
  readonly remembered: boolean;
  /** Whether the target is counted again. */
  readonly verify: boolean;
}

/** What it took: milliseconds, and the most memory that this process ever held, in bytes. */
export interface CopyTold {
  readonly ms: number;
  readonly peakBytes: number;
  readonly outcome: string;
}

const registry = createRegistry({ keychain: anonymous, now: () => new Date() });
const rules = {
  kind: 'promote',
  attachments: { carry: 'All', artifactTypes: [], lifecycle: false },
  platforms: { keep: [], missing: 'Fail' },
} as const;

async function copy({ from, to, targetIsNew, remembered, verify }: CopyOrder): Promise<string> {
  const signal = AbortSignal.timeout(600_000);
  const sides = { from, to, source: registry, target: registry };
  const compared = await isUpToDate({ ...sides, ...rules, remembered: () => remembered }, signal);
  if (compared.upToDate) return 'up to date';
  if (compared.source === undefined) throw new Error('the source has no such tag');
  const gathered = await gatherGraph(
    { ...rules, image: pin(from, compared.source), source: registry },
    signal,
  );
  if (gathered.state === 'refused') throw new Error(gathered.reason.detail);
  const request = { ...sides, graph: gathered.graph, targetIsNew };
  await copyGraph(request, signal);
  if (verify) {
    const arrived = await verifyTarget(request, signal);
    if (arrived.state === 'short') throw new Error(arrived.reason.detail);
  }
  await registry.pushManifest(to, gathered.graph.root, signal);
  return 'copied';
}

process.on('message', (order: CopyOrder) => {
  const started = performance.now();
  copy(order).then(
    (outcome) => {
      const ms = performance.now() - started;
      process.send?.({ ms, peakBytes: process.resourceUsage().maxRSS * 1024, outcome } satisfies CopyTold);
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ idleBytes: process.memoryUsage().rss });
