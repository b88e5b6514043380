// Watches ImagePolicy objects and what they name, compiles them, and swaps the compiled policies whole: from a cluster, or
// from a folder, where the Secrets, ConfigMaps and Namespaces they need are documents, too.
export { keepPolicies, type Policies } from './keep-policies.ts';
export { policyReader } from './read-policies.ts';
export { compileDocuments } from './compile-documents.ts';
export { createPublicRootStore, type PublicRoot } from './public-root.ts';
export { operationsOf } from './operations.ts';
export { watchFolder } from './folder.ts';
export { keepPolicyStatus } from './policy-status.ts';
