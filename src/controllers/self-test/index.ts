// Dry-run canaries prove that the API server still asks the webhooks, and that they still refuse.
// Reads and writes the cluster through the interfaces that it declares only.
export { createSelfTest } from './self-test.ts';
export { tryCanaries } from './canaries.ts';
export { customKindFinder, podFinder } from './cluster.ts';
export type { SelfTestPorts } from './ports.ts';
export { enforcedCondition } from './enforced-condition.ts';
