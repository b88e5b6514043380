import type { RegistryOptions } from '../clients/registry/index.ts';
import type { CompiledPolicy, TrustRoots } from '../core/policy/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { OpenJudging } from './judging.ts';
import type { SideParts } from './promotion-sides.ts';
import type { ProcessContext } from './process-context.ts';

/** What promotions are opened with; the same for all of them. */
export interface ExecutionContext {
  readonly settings: Settings;
  readonly context: ProcessContext;
  readonly judging: OpenJudging;
  /** How a registry client of its own is made. */
  readonly registryOptions: Omit<RegistryOptions, 'keychain'>;
  /** Policies as they are in force now, these among them if they are there. Throws a `Fault` when that cannot be told. */
  readonly policies: (names: readonly string[], signal: AbortSignal) => Promise<readonly CompiledPolicy[]>;
  readonly roots: TrustRoots;
  readonly accountSecrets?: (namespace: string) => NonNullable<SideParts['accountSecrets']>;
  readonly report: (error: unknown) => void;
}
