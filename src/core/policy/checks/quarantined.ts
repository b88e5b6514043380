import { nameOf, ownField, type Evidence, type Finding, type Unknown } from '../../model/index.ts';
import { nameAuthorities, objection } from '../compile/authority.ts';
import type { CompiledPolicy } from '../compile/compile.ts';
import type { QuarantineRequirement } from '../compile/requirements.ts';
import { readIndexes, readReferrers, readSignatures } from '../readings.ts';
import { notThere, refused, unknownFinding, type Check } from './check.ts';

/** Refuses an image that carries a quarantine flag, or is listed by an index with one, which no accepted signer has lifted. */
export const quarantined: Check = (given) => {
  const { evidence, policy } = given;
  const { quarantine } = policy;
  if (!quarantine) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const findings = readAllFlags(evidence, quarantine).flatMap(
    (one) => findingOn(one, quarantine, policy) ?? [],
  );
  return findings.find(({ kind }) => kind === 'refused') ?? findings[0];
};

function findingOn(
  { flags, incomplete, signatures }: Flagged,
  quarantine: QuarantineRequirement,
  policy: CompiledPolicy,
): Finding | undefined {
  if (flags.length === 0) return incomplete && unknownFinding(policy, incomplete);
  const released = isReleased(signatures, quarantine);
  if (released === true) return undefined;
  // A flag is certain; whether it was lifted may not be.
  if (released !== false && quarantine.releasedBy.length > 0) return unknownFinding(policy, released);
  return inQuarantine(policy, flags, nameAuthorities(quarantine.releasedBy));
}

/** The finding about flags that are not lifted; `names` of the authorities who may lift them, empty for none. */
export function inQuarantine(policy: CompiledPolicy, flags: readonly string[], names: string): Finding {
  const found = flags.join(', ');
  if (names === '') return refused(policy, 'Quarantined', found, 'use an image that is not flagged');
  const next = `have ${names} release this digest, or use a released image`;
  return refused(policy, 'Quarantined', `${found}; no release by ${names}`, next);
}

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
      .filter(({ key, values }) => isOneOf(ownField(annotations, key), values))
      .map(({ key }) => `flagged by annotation ${key}`),
    ...listing.read
      .filter(({ artifactType }) => requirement.artifactTypes.includes(artifactType))
      .map(({ digest }) => `flagged by referrer ${digest.slice(0, 19)}…`),
  ];
  return { flags, incomplete: manifest.state === 'unknown' ? manifest : listing.incomplete };
}

/** What is flagged, or may be: the image, or an index that lists it. */
export interface Flagged {
  readonly flags: readonly string[];
  readonly incomplete: Unknown | undefined;
  /** The releases of the same digest. */
  readonly signatures: Evidence['signatures'];
}

/** What {@link readQuarantine} finds on the image, and on each index through which its tag leads to it. */
export function readAllFlags(
  evidence: Pick<Evidence, 'image' | 'manifest' | 'referrers' | 'signatures' | 'indexes'>,
  requirement: QuarantineRequirement,
): readonly Flagged[] {
  const { read, incomplete } = readIndexes(evidence);
  // That every image of the place is in quarantine is a flag on the image itself, and lifted there.
  const onIndex = { ...requirement, byPlace: () => false };
  const above = read.map(({ signatures, ...index }): Flagged => {
    const { flags, ...rest } = readQuarantine(index, onIndex);
    const where = ` on the index ${index.image.digest.slice(0, 19)}…`;
    return { ...rest, flags: flags.map((flag) => flag + where), signatures };
  });
  const { signatures } = evidence;
  const missing = incomplete ? [{ flags: [], incomplete, signatures }] : [];
  return [{ ...readQuarantine(evidence, requirement), signatures }, ...above, ...missing];
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
