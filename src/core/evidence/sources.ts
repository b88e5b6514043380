import type { Clock } from '../model/index.ts';
import type { Report } from './learn.ts';
import type { Memory } from './memory.ts';
import type { BlobSource, ManifestSource, ReferrerSource, SignatureVerifier, TagSource } from './ports.ts';

/** Everything that is read from a registry. */
export type RegistrySource = ManifestSource & ReferrerSource & BlobSource & TagSource;

/** What gathering evidence needs from outside, joined in one value that travels down the calls. */
export interface Sources {
  readonly registry: RegistrySource;
  readonly verifySignature: SignatureVerifier;
  readonly memory: Memory;
  /** Look also where things were kept before the registry knew better: before a refusal, and for flags and dates. */
  readonly thorough?: boolean;
  readonly clock: Clock;
  readonly report: Report;
}
