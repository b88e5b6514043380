import { nameOf, type Evidence, type Unknown } from '../model/index.ts';
import { objection } from './compile/authority.ts';
import type { QuarantineRequirement } from './compile/requirements.ts';
import { readReferrers, readSignatures } from './readings.ts';

/** Predicate type of the signed statement that lifts a quarantine flag. */
export const RELEASE_PREDICATE_TYPE = 'https://pratique.dev/release/v1';

/** The flag on an image that is in quarantine by its name alone. */
export const BY_PLACE = 'every image in this place is in quarantine';

/**
 * Finds every flag that a policy counts: by place, by annotation, by referrer. Each is a clause for a person; anyone who can
 * push may set one. `incomplete` is set when a place that might hold a flag could not be read.
 */
export function readQuarantine(
  { image, manifest, referrers }: Pick<Evidence, 'image' | 'manifest' | 'referrers'>,
  requirement: QuarantineRequirement,
): { readonly flags: readonly string[]; readonly incomplete: Unknown | undefined } {
  const annotations = manifest.state === 'found' ? manifest.value.annotations : {};
  const listing = readReferrers(referrers);
  const flags = [
    ...(requirement.byPlace(nameOf(image)) ? [BY_PLACE] : []),
    ...requirement.annotations
      .filter(({ key, values }) => isOneOf(annotations[key], values))
      .map(({ key }) => `flagged by annotation ${key}`),
    ...listing.read
      .filter(({ artifactType }) => requirement.artifactTypes.includes(artifactType))
      .map(({ digest }) => `flagged by referrer ${digest.slice(0, 19)}…`),
  ];
  return { flags, incomplete: manifest.state === 'unknown' ? manifest : listing.incomplete };
}

/** Whether an accepted signer has released exactly this digest; an {@link Unknown} when that could not be learned. */
export function isReleased(
  signatures: Evidence['signatures'],
  { releasedBy }: Pick<QuarantineRequirement, 'releasedBy'>,
): boolean | Unknown {
  const { proven, incomplete } = readSignatures(signatures);
  const released = proven.some(
    (signature) =>
      signature.says.kind === 'statement' &&
      signature.says.predicateType === RELEASE_PREDICATE_TYPE &&
      releasedBy.some((authority) => objection(authority, signature) === undefined),
  );
  return released || (incomplete ?? false);
}

function isOneOf(claimed: string | undefined, values: readonly string[]): boolean {
  const text = claimed?.trim().toLowerCase();
  return text !== undefined && values.some((value) => value.toLowerCase() === text);
}
