// Talks to OCI registries (distribution spec 1.1): reads and writes manifests, referrers, blobs and tags, with logins,
// redirects, limits and suspicion. The only room that knows HTTP and the quirks of registries.
export { pullSecretLogins } from './auth/logins.ts';
export { anonymous, dockerDirectory, ownKeychain } from './auth/keychain.ts';
export type { RequestEvent } from './exchange.ts';
export type { MirrorEvent } from './mirrors/mirrors.ts';
export { createRegistry, openMirrors, type Registry, type RegistryOptions } from './registry.ts';
