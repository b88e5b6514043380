// Watches ImagePolicy objects and what they name, compiles them, and swaps the compiled policies whole. This is the
// folder form: resources come as documents from a folder, and so do the Secrets, ConfigMaps and Namespaces they need.
export { compileDocuments } from './compile-documents.ts';
export type { PolicyDocument, PolicyReading, PolicySet, RootInUse } from './compile-documents.ts';
export { holdPublicRoot } from './public-root.ts';
export type { PublicRoot, PublicRootStatus, RootRefresh } from './public-root.ts';
export { operationsOf } from './operations.ts';
export type { Gauge, Operations } from './operations.ts';
export { watchFolder } from './folder.ts';
export type { PolicyFolder } from './folder.ts';
