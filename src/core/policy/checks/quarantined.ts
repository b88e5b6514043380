import { nameAuthorities } from '../compile/authority.ts';
import type { Finding } from '../../model/index.ts';
import { isReleased, readQuarantine } from '../quarantine.ts';
import { unknownFinding, notThere, type Check } from './check.ts';

/** Refuses an image that carries a quarantine flag which no accepted signer has lifted. */
export const quarantined: Check = (given) => {
  const { evidence, policy } = given;
  const { quarantine } = policy;
  if (!quarantine) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const { flags, incomplete } = readQuarantine(evidence, quarantine);
  if (flags.length > 0) {
    const released = isReleased(evidence.signatures, quarantine);
    if (released === true) return undefined;
    // A flag is certain; whether it was lifted may not be.
    if (released !== false && quarantine.releasedBy.length > 0) return unknownFinding(policy, released);
    const names = nameAuthorities(quarantine.releasedBy);
    return inQuarantine(policy.name, flags, names);
  }
  return incomplete ? unknownFinding(policy, incomplete) : undefined;
};

/** The finding about flags that are not lifted; `names` of the authorities who may lift them, empty for none. */
export function inQuarantine(policy: string, flags: readonly string[], names: string): Finding {
  return {
    kind: 'refused',
    reason: 'Quarantined',
    found: names ? `${flags.join(', ')}; no release by ${names}` : flags.join(', '),
    next: names
      ? `have ${names} release this digest, or use a released image`
      : 'use an image that is not flagged',
    policy,
    transient: false,
  };
}
