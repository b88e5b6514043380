import type { HistoryBook } from './records/history-book.ts';
import type { MirrorSpec, SignSpec } from './schema.ts';
import { copyStep } from './steps/copy.ts';
import type { Step } from './steps/step.ts';
import { tagStep } from './steps/tag.ts';
import type { ImageTask, Learned, StepParts } from './steps/task.ts';
import { verifyTargetStep } from './steps/verify-target.ts';
import { subjectOf } from './records/artifact.ts';
import { findQuarantineFlag, quarantineFlag } from './records/quarantine-flag.ts';
import { attach, referrersAt, rootOf } from './steps/place.ts';
import { isIndexType, pin, type Manifest } from '../model/index.ts';
import type { Graph } from './graph/graph.ts';
import { acquisitionRecord, acquisitionStatement, findAcquisition } from './records/provenance.ts';
import { writeStatement } from './steps/write.ts';

/** The steps of a mirror, in their order: the flag and the record are there before the tag makes the image visible. */
export function mirrorSteps(
  parts: StepParts & { readonly history?: HistoryBook },
  { quarantine, provenance, force, sign }: MirrorSpec,
): readonly Step<ImageTask, Learned>[] {
  const { history } = parts;
  return [
    copyStep(parts),
    ...(quarantine ? [flagStep(parts)] : []),
    ...(provenance ? [recordStep({ ...parts, sign })] : []),
    verifyTargetStep({ ...parts, thorough: false }),
    tagStep(parts),
    ...(history ? [rememberStep({ ...parts, history, force })] : []),
  ];
}

/** Flags the image as quarantined before its tag makes it visible. */
function flagStep({ target, startedAt }: Pick<StepParts, 'target' | 'startedAt'>): Step<ImageTask, Learned> {
  return {
    name: 'flag',
    run: async ({ to }, learned, signal) => {
      const about = rootOf(learned);
      const place = { target, to, about };
      if (findQuarantineFlag(await referrersAt(place, signal))) return { status: 'skipped' };
      await attach(place, quarantineFlag(subjectOf(about), startedAt), signal);
      return { status: 'succeeded' };
    },
  };
}

/** What {@link recordStep} works with. */
interface RecordParts extends Pick<
  StepParts,
  'target' | 'run' | 'startedAt' | 'signer' | 'spec' | 'sourceAuthenticated'
> {
  readonly sign?: SignSpec | undefined;
}

/** Attaches where the image was taken from, to the index and to each of its platforms; signed, if the promotion has a signer. */
function recordStep(parts: RecordParts): Step<ImageTask, Learned> {
  const { target, run, startedAt, signer, sign, spec, sourceAuthenticated } = parts;
  return {
    name: 'record',
    run: async ({ image, to }, learned, signal) => {
      for (const about of [rootOf(learned), ...platformsIn(learned.graph)]) {
        const place = { target, to, about };
        const acquisition = {
          source: image,
          destination: pin({ registry: to.registry, repository: to.repository }, about.digest),
          acquiredAt: startedAt,
          run,
          copyReferrers: spec.attachments.carry !== 'None',
          sourceAuthenticated,
          ...(about !== rootOf(learned) && { platformSourceDigest: about.digest }),
        };
        if (!findAcquisition(await referrersAt(place, signal), acquisition))
          await attach(place, acquisitionRecord(acquisition, subjectOf(about)), signal);
        if (!signer || !sign) continue;
        const statement = acquisitionStatement(acquisition);
        const refused = await writeStatement(
          place,
          { signer, format: sign.format, at: startedAt, statement },
          signal,
        );
        if (refused) return { status: 'failed', reason: refused };
      }
      return { status: 'succeeded' };
    },
  };
}

/** Children of the index, as far as they came along. */
function platformsIn(graph: Graph | undefined): readonly Manifest[] {
  if (!graph || !isIndexType(graph.root.manifest.mediaType)) return [];
  const children = new Set(graph.root.manifest.manifests.map(({ digest }) => digest));
  return graph.manifests.flatMap(({ manifest }) => (children.has(manifest.digest) ? [manifest] : []));
}

/** Writes the arrival into the history of the mirror, so that it is not pulled in again once it has been promoted and deleted. */
function rememberStep({
  history,
  force,
  startedAt,
  run,
}: Pick<StepParts, 'startedAt' | 'run'> & {
  readonly history: HistoryBook;
  readonly force: boolean;
}): Step<ImageTask, Learned> {
  return {
    name: 'remember',
    run: async ({ image, planned: { tag, action } }, _, signal) => {
      if (history.has({ tag, digest: image.digest }) && (action === 'UpToDate' || !force))
        return { status: 'skipped' };
      const refused = await history.add(
        { sourceTag: tag, sourceDigest: image.digest, destTag: tag, syncedAt: startedAt, run, force },
        signal,
      );
      return refused ? { status: 'failed', reason: refused } : { status: 'succeeded' };
    },
  };
}
