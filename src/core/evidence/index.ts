// What is known about images, and the verdict that follows. Resolves a reference once, gathers facts through interfaces, remembers
// facts (never verdicts), and hands them to core/policy to decide.
export { judge, judgeReference } from './judge.ts';
export type { JudgedReference, JudgeQuestion, JudgeRequest } from './judge.ts';
export { accessFor } from './access.ts';
export type { Access, Credentials, DockerConfigText, PullSecretLogins, ReadPullSecrets } from './access.ts';
export type { UnreadableLogins } from './access.ts';
export { createBudgets, type ByteBudget } from './byte-budget.ts';
export { evidenceWithout } from './gather.ts';
export { holdsOnlyStatements, isStatements, listRunnable, statementsAbout } from './platforms.ts';
export type { RunnableImage } from './platforms.ts';
export { learn } from './ports.ts';
export { pinReference, type PinRequest } from './resolve.ts';
export { createMemory, type LookupResult } from './memory.ts';
export { searchedPlaces } from './signature-layers.ts';
export type { Sources, BlobSource, Keychain, ManifestSource, ReferrerSource } from './ports.ts';
export type { RegistryLogin, SignatureVerifier, RegistrySource, TagSource } from './ports.ts';
