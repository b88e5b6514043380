import { type Descriptor, rfc3339 } from '../../model/index.ts';
import { buildArtifact, CREATED, findRecord, type Artifact } from './artifact.ts';

/** Artifact type of the flag, counted by every policy that does not name others. */
export const QUARANTINE_TYPE = 'application/vnd.pratique.quarantine.v1+json';

/** A flag beside an image: quarantined since this moment, until a signer that a policy trusts releases it. */
export function quarantineFlag(subject: Descriptor, at: Date): Artifact {
  return buildArtifact({
    artifactType: QUARANTINE_TYPE,
    subject,
    annotations: { 'dev.pratique.quarantine': 'true', [CREATED]: rfc3339(at) },
  });
}

/** A flag among the referrers. */
export function findQuarantineFlag(referrers: readonly Descriptor[]): Descriptor | undefined {
  return findRecord(referrers, { artifactType: QUARANTINE_TYPE, annotations: {} });
}
