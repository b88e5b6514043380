import { artifactTypeOf, formatReference, isIndexType, pin } from '../model/index.ts';
import type { Manifest, PinnedRef } from '../model/index.ts';
import { saysNothing } from './graph/carried.ts';
import type { Graph } from './graph/graph.ts';
import { subjectOf } from './records/artifact.ts';
import type { HistoryBook } from './records/history.ts';
import { findQuarantineFlag, QUARANTINE_TYPE, quarantineFlag } from './records/marks.ts';
import type { TargetRegistry } from './ports.ts';
import { acquisitionRecord, acquisitionStatement, findAcquisition } from './records/provenance.ts';
import type { MirrorSpec } from './schema.ts';
import { copyStep, tagStep, verifyTargetStep } from './steps/copy.ts';
import { blocked, step, type Step, type StepParts } from './steps/step.ts';
import { attach, referrersAt, rootOf, writeStatement } from './steps/write.ts';

/** The steps of a mirror, in their order: the flag and the record are there before the tag makes the image visible. */
export function mirrorSteps(parts: StepParts, mirror: MirrorSpec): readonly Step[] {
  const { history } = parts;
  return [
    copyStep(parts),
    ...(mirror.quarantine ? [flagStep(parts)] : []),
    ...(mirror.provenance ? [recordStep(parts, mirror)] : []),
    verifyTargetStep(parts, false),
    tagStep(parts),
    ...(history ? [rememberStep(parts, history, mirror)] : []),
  ];
}

/**
 * Flags the image as quarantined before its tag makes it visible, and proves with each run that the flag is still listed: clean-ups
 * of registries take what has no tag. A listing that cannot be read fails the image.
 */
function flagStep({ target, startedAt }: StepParts): Step {
  return step('flag', async ({ to, planned }, { graph }, signal) => {
    const image = pin(to, graph?.root.manifest.digest ?? planned.expected);
    if (await isFlagged(image, target, signal)) return { status: 'skipped' };
    const about = graph?.root.manifest ?? (await target.manifest(image, signal));
    if (!about) return blocked('TargetMoved', `${formatReference(image)} is gone; run again to decide anew`);
    await attach({ target, to, about }, quarantineFlag(subjectOf(about), startedAt), signal);
    const flagRestored = planned.action === 'UpToDate';
    return { status: 'succeeded', learned: { flagRestored } };
  });
}

/** Referrers that are opened because their listing leaves open what they are; real images have a handful. */
const MAX_OPENED = 32;

/** Whether the registry lists a flag of an image. */
async function isFlagged(image: PinnedRef, target: TargetRegistry, signal: AbortSignal): Promise<boolean> {
  const listed = await target.referrers(image, signal);
  if (findQuarantineFlag(listed)) return true;
  const open = listed.filter(({ artifactType = '' }) => saysNothing(artifactType)).slice(0, MAX_OPENED);
  for (const { digest } of open) {
    const manifest = await target.manifest(pin(image, digest), signal);
    if (manifest && artifactTypeOf(manifest) === QUARANTINE_TYPE) return true;
  }
  return false;
}

/** Attaches where the image was taken from, to the index and to each of its platforms; signed, if the promotion has a signer. */
function recordStep(parts: StepParts, { sign }: MirrorSpec): Step {
  const { target, run, startedAt, signer, spec, sourceAuthenticated } = parts;
  const copyReferrers = spec.attachments.carry !== 'None';
  return step('record', async ({ image, to }, learned, signal) => {
    for (const about of [rootOf(learned), ...platformsIn(learned.graph)]) {
      const place = { target, to, about };
      const acquisition = {
        ...{ run, copyReferrers, sourceAuthenticated, source: image, acquiredAt: startedAt },
        destination: pin({ registry: to.registry, repository: to.repository }, about.digest),
        platformSourceDigest: about === rootOf(learned) ? undefined : about.digest,
      };
      if (!findAcquisition(await referrersAt(place, signal), acquisition))
        await attach(place, acquisitionRecord(acquisition, subjectOf(about)), signal);
      if (!signer || !sign) continue;
      const signing = { signer, format: sign.format, at: startedAt };
      const refused = await writeStatement(place, signing, acquisitionStatement(acquisition), signal);
      if (refused) return { status: 'failed', reason: refused };
    }
    return { status: 'succeeded' };
  });
}

/** Children of the index, as far as they came along. */
function platformsIn(graph: Graph | undefined): readonly Manifest[] {
  if (!graph || !isIndexType(graph.root.manifest.mediaType)) return [];
  const children = new Set(graph.root.manifest.manifests.map(({ digest }) => digest));
  return graph.manifests.flatMap(({ manifest }) => (children.has(manifest.digest) ? [manifest] : []));
}

/** Writes the arrival into the history of the mirror, so that it is not pulled in again once it has been promoted and deleted. */
function rememberStep({ startedAt, run }: StepParts, history: HistoryBook, { force }: MirrorSpec): Step {
  return step('remember', async ({ image: { digest }, planned: { tag, action } }, _, signal) => {
    if (history.has({ tag, digest }) && (action === 'UpToDate' || !force)) return { status: 'skipped' };
    const arrival = { sourceTag: tag, sourceDigest: digest, destTag: tag, syncedAt: startedAt, run, force };
    const refused = await history.add(arrival, signal);
    return refused ? { status: 'failed', reason: refused } : { status: 'succeeded' };
  });
}
