import type { Target } from '../engine/target.ts';
import { MANIFESTS } from './manifests.ts';
import { NAMES } from './names.ts';
import { WORKLOADS } from './workloads.ts';

/** Everything that reads what strangers wrote. */
export const TARGETS: readonly Target[] = [...NAMES, ...MANIFESTS, ...WORKLOADS];
