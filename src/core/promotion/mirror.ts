import { isIndexType, pin, type Manifest } from '../model/index.ts';
import type { Graph } from './graph/graph.ts';
import { subjectOf } from './records/artifact.ts';
import type { HistoryBook } from './records/history.ts';
import { findQuarantineFlag, quarantineFlag } from './records/marks.ts';
import { acquisitionRecord, acquisitionStatement, findAcquisition } from './records/provenance.ts';
import type { MirrorSpec } from './schema.ts';
import { copyStep, tagStep, verifyTargetStep } from './steps/copy.ts';
import { step, type Step, type StepParts } from './steps/step.ts';
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

/** Flags the image as quarantined before its tag makes it visible. */
function flagStep({ target, startedAt }: StepParts): Step {
  return step('flag', async ({ to }, learned, signal) => {
    const about = rootOf(learned);
    const place = { target, to, about };
    if (findQuarantineFlag(await referrersAt(place, signal))) return { status: 'skipped' };
    await attach(place, quarantineFlag(subjectOf(about), startedAt), signal);
    return { status: 'succeeded' };
  });
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
