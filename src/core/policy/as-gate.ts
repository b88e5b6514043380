import type { CompiledPolicy } from './compile/compile.ts';

/**
 * A policy as a promotion asks it of its source: whatever image it is and wherever it may run, refusing also what is unknown.
 * The quarantine flag is not asked: lifting it is what a promotion is for.
 */
export function asGate(policy: CompiledPolicy): CompiledPolicy {
  const gate: { -readonly [Key in keyof CompiledPolicy]: CompiledPolicy[Key] } = {
    ...policy,
    enforcement: 'Deny',
    onUnknown: 'Deny',
    coversImage: () => true,
  };
  delete gate.quarantine;
  delete gate.coversNamespace;
  return gate;
}
