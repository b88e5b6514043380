import { pin, type Digest, type ImageRef } from '../../model/index.ts';
import type { Resolved } from '../plan.ts';
import type { TargetRegistry } from '../ports.ts';
import { blocked, short, type Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';

/**
 * Moves the tag, the last thing that makes an image visible. If another client moved it meanwhile, that stays: the plan was made
 * for another target. The image that loses the tag gets its backup first.
 */
export function tagStep({ target }: Pick<StepParts, 'target'>): Step<ImageTask, Learned> {
  return {
    name: 'tag',
    run: async ({ planned, to }, { graph }, signal) => {
      if (!graph) throw new Error('nothing was copied that could be tagged');
      const now = await target.tagDigest(to, signal);
      if (now === graph.root.manifest.digest) return { status: 'skipped' };
      const before = overwritten(planned);
      if (now !== before) return blocked('TargetMoved', moved(planned.tag, before, now));
      if (planned.action === 'Move' && planned.backup !== undefined && before !== undefined)
        await keep({ target, to, digest: before, backup: planned.backup }, signal);
      await target.pushManifest(to, graph.root, signal);
      return { status: 'succeeded' };
    },
  };
}

function overwritten(planned: Resolved): Digest | undefined {
  return planned.action === 'Move' ? planned.overwrites : planned.atTarget;
}

function moved(tag: string, before: Digest | undefined, now: Digest | undefined): string {
  const was = before === undefined ? 'was not there' : `was ${short(before)}`;
  const is = now === undefined ? 'is gone' : `is ${short(now)}`;
  return `${tag} ${was} when the run began and ${is} now; run again to decide anew`;
}

/** What is kept, and as what. */
interface Keeping {
  readonly target: TargetRegistry;
  readonly to: ImageRef;
  readonly digest: Digest;
  readonly backup: string;
}

async function keep({ target, to, digest, backup }: Keeping, signal: AbortSignal): Promise<void> {
  const content = await target.content(pin(to, digest), signal);
  // Gone between two requests: there is nothing left to keep, and the tag is ours.
  if (!content) return;
  const { registry, repository } = to;
  await target.pushManifest({ registry, repository, tag: backup }, content, signal);
}
