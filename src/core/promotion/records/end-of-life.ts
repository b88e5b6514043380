import { type Descriptor, rfc3339 } from '../../model/index.ts';
import { buildArtifact, CREATED, type Artifact } from './artifact.ts';

/** Artifact type that registries and scanners know already (Azure Container Registry). */
export const END_OF_LIFE_TYPE = 'application/vnd.microsoft.artifact.lifecycle';
const END_OF_LIFE = 'vnd.microsoft.artifact.lifecycle.end-of-life.date';

/** Types and keys by which an image may have been marked before us; the first of each is the one written here. */
const TYPES: readonly string[] = [END_OF_LIFE_TYPE, 'application/vnd.pratique.lifecycle.v1+json'];
const KEYS = [END_OF_LIFE, 'dev.pratique.lifecycle.end-of-life'];

/** What is marked as outdated: when it ends, and by what it is replaced. */
export interface EndOfLife {
  readonly endsAt: Date;
  /** The tag to move to. */
  readonly supersededBy: string;
  readonly at: Date;
}

/** The end of life of an image, as a lifecycle referrer. */
export function endOfLifeMark(subject: Descriptor, { endsAt, supersededBy, at }: EndOfLife): Artifact {
  return buildArtifact({
    artifactType: END_OF_LIFE_TYPE,
    subject,
    annotations: {
      [END_OF_LIFE]: rfc3339(endsAt),
      'dev.pratique.lifecycle.superseded-by': supersededBy,
      [CREATED]: rfc3339(at),
    },
  });
}

/** An end of life that is set already, whatever its date: it is not moved. */
export function findEndOfLife(referrers: readonly Descriptor[]): Descriptor | undefined {
  return referrers.find(
    ({ artifactType = '', annotations }) =>
      TYPES.includes(artifactType) && KEYS.some((key) => annotations[key] !== undefined),
  );
}
