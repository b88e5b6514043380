import type { Target } from '../engine/target.ts';
import { DOCUMENTS } from './documents.ts';
import { MANIFESTS } from './manifests.ts';
import { NAMES } from './names.ts';
import { POLICIES } from './policies.ts';
import { REGISTRIES } from './registries.ts';
import { REPORTS } from './reports.ts';
import { SIGNATURES } from './signatures.ts';
import { WORKLOADS } from './workloads.ts';

/** Everything that reads what strangers wrote. */
export const TARGETS: readonly Target[] = [
  ...NAMES,
  ...MANIFESTS,
  ...WORKLOADS,
  ...REGISTRIES,
  ...POLICIES,
  ...REPORTS,
  ...SIGNATURES,
  ...DOCUMENTS,
];
