// A warm process that copies what its parent names, and says what that took.
import { writeFileSync } from 'node:fs';
import { anonymous, createRegistry } from '../src/clients/registry/index.ts';
import { digestOf, nameOf, pin, type ImageRef } from '../src/core/model/index.ts';
import { parsePromotion, type ImagePromotionSpec } from '../src/core/promotion/index.ts';
import { createExecution } from '../src/core/promotion/execute.ts';
import { copyGraph } from '../src/core/promotion/copy/copy.ts';
import { gatherGraph } from '../src/core/promotion/graph/gather.ts';
import { SILENT } from '../test/support/promotions/silent.ts';
import { figuresOf } from './figures.ts';

/** One copy from tag to tag. */
export interface CopyOrder {
  readonly from: ImageRef & { readonly tag: string };
  readonly to: ImageRef & { readonly tag: string };
  /** The copy alone into a new repository, as other programs do it, or a whole run of a mirror: planned, copied, counted, tagged. */
  readonly as: 'copy' | 'run';
}

/** What it took: milliseconds, and the most memory held meanwhile, in MiB. */
export interface CopyReport {
  readonly ms: number;
  readonly peakMiB: number;
}

const registry = createRegistry({ keychain: anonymous, now: () => new Date() });

async function copy({ from, to }: CopyOrder): Promise<void> {
  const signal = AbortSignal.timeout(600_000);
  const [digest] = await Promise.all([registry.tagDigest(from, signal), registry.tagDigest(to, signal)]);
  if (digest === undefined) throw new Error('the source has no such tag');
  const gathered = await gatherGraph(
    {
      image: pin(from, digest),
      source: registry,
      kind: 'mirror',
      attachments: { carry: 'All', artifactTypes: [], lifecycle: false },
      platforms: { keep: [], missing: 'Fail' },
    },
    signal,
  );
  if (gathered.state === 'refused') throw new Error(gathered.reason.detail);
  const { graph } = gathered;
  await copyGraph({ graph, source: registry, target: registry, to, targetIsNew: true }, signal);
  await registry.pushManifest(to, graph.root, signal);
}

async function run({ from, to }: CopyOrder): Promise<void> {
  const signal = AbortSignal.timeout(600_000);
  const execution = createExecution({
    spec: mirrorOf(from, to),
    scope: digestOf('bench'),
    source: registry,
    target: registry,
    from: { registry: from.registry, repository: from.repository },
    to: { registry: to.registry, repository: to.repository },
    run: { name: 'bench/copy', id: 'bench', attempt: 1, actor: 'bench' },
    startedAt: new Date(),
    sourceAuthenticated: false,
    clock: () => new Date(),
    judge: () => Promise.reject(new Error('nothing is judged here')),
    pause: () => Promise.reject(new Error('nothing is tried again here')),
    report: console.error,
    close: () => Promise.resolve(),
  });
  const planned = await execution.plan(signal);
  if (planned.state === 'refused') throw new Error(planned.reason.detail);
  const order = { progress: SILENT, dryRun: false, approvals: () => [] };
  for (const { decision, message = '' } of await execution.run(planned.images, order, signal))
    if (decision !== 'Mirrored' && decision !== 'UpToDate') throw new Error(message);
}

function mirrorOf(from: CopyOrder['from'], to: CopyOrder['to']): ImagePromotionSpec {
  const read = parsePromotion({
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'ImagePromotion',
    metadata: { name: 'copy', namespace: 'bench' },
    spec: {
      source: { repository: nameOf(from) },
      target: { repository: nameOf(to) },
      tags: { explicit: [from.tag] },
      mirror: { quarantine: false, provenance: false, history: false },
    },
  });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value.spec;
}

/** Lets the highest memory be counted from now on. */
function forgetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}

process.on('message', (order: CopyOrder) => {
  forgetPeak();
  const started = performance.now();
  (order.as === 'run' ? run(order) : copy(order)).then(
    () => {
      const ms = performance.now() - started;
      process.send?.({ ms, peakMiB: figuresOf(process.pid).peakMiB } satisfies CopyReport);
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ idleMiB: figuresOf(process.pid).residentMiB });
