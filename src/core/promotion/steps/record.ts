import { isIndexType, pin, type Manifest } from '../../model/index.ts';
import type { Graph } from '../graph/graph.ts';
import { subjectOf } from '../records/artifact.ts';
import { acquisitionRecord, acquisitionStatement, findAcquisition } from '../records/provenance.ts';
import type { SignSpec } from '../schema.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';
import { attach, referrersAt, rootOf } from './place.ts';
import { writeStatement } from './write.ts';

/** What {@link recordStep} works with. */
export interface RecordParts extends Pick<
  StepParts,
  'target' | 'run' | 'startedAt' | 'signer' | 'spec' | 'sourceAuthenticated'
> {
  readonly sign?: SignSpec | undefined;
}

/** Attaches where the image was taken from, to the index and to each of its platforms; signed, if somebody signs. */
export function recordStep(parts: RecordParts): Step<ImageTask, Learned> {
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
