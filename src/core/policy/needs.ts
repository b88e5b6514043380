import type { Evidence } from '../model/index.ts';
import type { CompiledPolicy } from './compile.ts';
import type { PublicKey } from '../model/index.ts';
import { decidingClaim, readLifecycle } from './lifecycle.ts';
import { readQuarantine } from './quarantine.ts';

/** Facts that policies ask for, so that nothing is fetched that no policy reads. */
export interface Needs {
  /** The manifest and the referrers: whatever speaks of more than the reference itself. */
  readonly registry: boolean;
  /** Signatures and signed statements. */
  readonly signatures: boolean;
  /** The newest supported image of the line, for the message. */
  readonly successor: boolean;
}

/** What is needed before anything is known. */
export function needsAtFirst(policies: readonly CompiledPolicy[]): Needs {
  return {
    registry: policies.some((policy) => policy.signatures ?? policy.quarantine ?? policy.lifecycle),
    signatures: policies.some(({ signatures }) => signatures !== undefined),
    successor: false,
  };
}

/** What is needed now that manifest and referrers are known: releases where there is a flag, a successor where one ends. */
export function needsNext(
  policies: readonly CompiledPolicy[],
  known: Pick<Evidence, 'image' | 'manifest' | 'referrers'>,
  now: Date,
): Needs {
  return {
    registry: false,
    signatures: policies.some(({ quarantine }) => {
      if (!quarantine || quarantine.releasedBy.length === 0) return false;
      return readQuarantine(known, quarantine).flags.length > 0;
    }),
    successor: policies.some(({ lifecycle }) => {
      if (!lifecycle) return false;
      const claim = decidingClaim(readLifecycle(known, lifecycle).claims, lifecycle.refuse);
      return claim !== undefined && now.getTime() >= claim.moment.getTime() - lifecycle.warnBeforeMs;
    }),
  };
}

/** Every key whose signatures or releases one of the policies accepts, each once. */
export function trustedKeys(policies: readonly CompiledPolicy[]): readonly PublicKey[] {
  const authorities = policies.flatMap(({ signatures, quarantine }) => [
    ...(signatures?.from ?? []),
    ...(quarantine?.releasedBy ?? []),
  ]);
  return [...new Map(authorities.map(({ key }) => [key.fingerprint, key])).values()];
}
