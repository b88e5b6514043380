// The heart: what is known about images, and the verdict that follows. Resolves a reference once, gathers facts through
// ports, remembers facts (never verdicts), and passes them to core/policy to decide.
export { judge } from './judge.ts';
export type { Access, Login } from './access.ts';
export { pinReference } from './resolve.ts';
export { createMemory } from './memory.ts';
export type { FactMemory, LookupResult } from './memory.ts';
export { searchedPlaces } from './signature-places.ts';
export type { Sources } from './sources.ts';
export type {
  BlobSource,
  Keychain,
  ManifestSource,
  ReferrerSource,
  RegistryLogin,
  SignatureVerifier,
  TagSource,
} from './ports.ts';
