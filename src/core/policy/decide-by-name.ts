import type { Verdict } from '../model/index.ts';
import { inQuarantine } from './checks/quarantined.ts';
import type { CompiledPolicy } from './compile/compile.ts';
import { verdict } from './decide.ts';
import { BY_PLACE } from './quarantine.ts';
import type { Selection } from './select.ts';

/**
 * The verdict that nothing in a registry could change: the repository is in quarantine, the policy denies, and it names no
 * one who may release images. `undefined` when more has to be known. The caller then reads nothing, and gets the answer
 * also while the registry is down.
 */
export function decideByName({ applying }: Selection, imageName: string): Verdict | undefined {
  const settling = applying.filter((policy) => refusesForGood(policy, imageName));
  if (settling.length === 0) return undefined;
  return verdict(
    settling.map(({ name }) => ({ ...inQuarantine(name, [BY_PLACE], ''), effect: 'deny' as const })),
  );
}

function refusesForGood({ enforcement, broken, quarantine }: CompiledPolicy, imageName: string): boolean {
  if (enforcement !== 'Deny' || broken !== undefined || !quarantine) return false;
  return quarantine.releasedBy.length === 0 && quarantine.byPlace(imageName);
}
