import { rfc3339, type Descriptor } from '../../model/index.ts';
import { LIFECYCLE_TYPES } from '../../policy/index.ts';
import { buildArtifact, CREATED, findRecord, type Artifact } from './artifact.ts';

/** Artifact type of the flag, counted by every policy that does not name others. */
export const QUARANTINE_TYPE = 'application/vnd.pratique.quarantine.v1+json';

/** A flag beside an image: quarantined since this moment, until a signer that a policy trusts releases it. */
export function quarantineFlag(subject: Descriptor, at: Date): Artifact {
  const annotations = { 'dev.pratique.quarantine': 'true', [CREATED]: rfc3339(at) };
  return buildArtifact({ artifactType: QUARANTINE_TYPE, subject, annotations });
}

/** A flag among the referrers. */
export function findQuarantineFlag(referrers: readonly Descriptor[]): Descriptor | undefined {
  return findRecord(referrers, QUARANTINE_TYPE);
}

/** Artifact type that registries and scanners know already (Azure Container Registry). */
export const END_OF_LIFE_TYPE = 'application/vnd.microsoft.artifact.lifecycle';

/** Keys by which an image may have been marked before us; the first is the one written here. */
const KEYS = [
  'vnd.microsoft.artifact.lifecycle.end-of-life.date',
  'dev.pratique.lifecycle.end-of-life',
] as const;

/** What is marked as outdated: when it ends, and the tag to move to. */
export interface EndOfLife {
  readonly endsAt: Date;
  readonly supersededBy: string;
  readonly at: Date;
}

/** The end of life of an image, as a lifecycle referrer. */
export function endOfLifeMark(subject: Descriptor, { endsAt, supersededBy, at }: EndOfLife): Artifact {
  return buildArtifact({
    artifactType: END_OF_LIFE_TYPE,
    subject,
    annotations: {
      [KEYS[0]]: rfc3339(endsAt),
      'dev.pratique.lifecycle.superseded-by': supersededBy,
      [CREATED]: rfc3339(at),
    },
  });
}

/** An end of life that is set already, whatever its date: it is not moved. */
export function findEndOfLife(referrers: readonly Descriptor[]): Descriptor | undefined {
  return referrers.find(
    ({ artifactType = '', annotations }) =>
      LIFECYCLE_TYPES.includes(artifactType) && KEYS.some((key) => annotations[key] !== undefined),
  );
}
