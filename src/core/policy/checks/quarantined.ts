import { nameAuthorities } from '../compile/authority.ts';
import type { CompiledPolicy } from '../compile/compile.ts';
import type { Finding } from '../../model/index.ts';
import type { QuarantineRequirement } from '../compile/requirements.ts';
import { isReleased, readAllFlags, type Flagged } from '../quarantine.ts';
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
