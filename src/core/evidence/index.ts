// What is known about images, and the verdict that follows. Resolves a reference once, gathers facts through interfaces, remembers
// facts (never verdicts), and hands them to core/policy to decide.
export { judge, judgeReference } from './judge.ts';
export type { JudgedReference, JudgeQuestion } from './judge.ts';
export type { Access } from './access.ts';
export { accessFor } from './access.ts';
export { evidenceWithout } from './gather.ts';
export type { Credentials, DockerConfigText, PullSecretLogins } from './access.ts';
export type { ReadPullSecrets, UnreadableLogins } from './access.ts';
export { learn } from './learn.ts';
export { pinReference } from './resolve.ts';
export { createMemory } from './memory.ts';
export type { LookupResult } from './memory.ts';
export { searchedPlaces } from './signature-layers.ts';
export type { Sources } from './ports.ts';
export type { BlobSource, Keychain, ManifestSource, ReferrerSource } from './ports.ts';
export type { RegistryLogin, SignatureVerifier, TagSource } from './ports.ts';
