// What runs is judged again as time, policy and trust change; canaries prove that the guard is on.
// Reads and writes the cluster through ports only; nothing here decides about an admission.
export { createSelfTest } from './self-test.ts';
export type { SelfTest, SelfTestGauge, SelfTestSettings } from './self-test.ts';
export { tryCanaries } from './self-test-canaries.ts';
export { customKindFinder, podFinder } from './self-test-cluster.ts';
export type { ListPage } from './self-test-cluster.ts';
export type { CanaryPorts, SelfTestPorts, SelfTestResult } from './self-test-ports.ts';
