// Watches ImagePolicy objects and what they name, compiles them, and swaps the compiled policies whole: from a cluster, or
// from a folder, where the Secrets, ConfigMaps and Namespaces they need are documents, too.
export { createPolicyStore } from './policy-store.ts';
export type { PolicyStore } from './policy-store.ts';
export { namespaceReader } from './namespaces.ts';
export type { SecretData, NamespaceSource, PolicyObject, PolicySource } from './ports.ts';
export { compileDocuments } from './compile-documents.ts';
export { createPublicRootStore } from './public-root.ts';
export type { PublicRoot, RootRefresh } from './public-root.ts';
export { operationsOf } from './operations.ts';
export { watchFolder } from './folder.ts';
export { keepPolicyStatus } from './policy-status.ts';
