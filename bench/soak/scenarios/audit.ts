// What runs is audited all the time: the status of the policy has to count the pods of the scenarios that never change.
import { RESOURCES } from '../../../src/core/workload/index.ts';
import type { World } from '../world.ts';

/** Milliseconds in which an audit is over, and the next one after the API server was away. */
const AUDITED_MS = 45_000;
/** One image for each that is there and has a digest. */
const EXPECTED = { judged: 9, denied: 4, warned: 1, unknown: 1 };

/** Compares the counts in the status of the policy `shop`; the answer is what is wrong with them. */
export function auditCheck({ api }: World): () => readonly string[] {
  let rightAt = performance.now();
  return () => {
    const policy = api.twin.peek({ resource: RESOURCES.policies, name: 'shop' });
    const { images } = (policy?.status ?? {}) as { readonly images?: Readonly<Record<string, number>> };
    const problems = Object.entries(EXPECTED)
      .filter(([field, count]) => images?.[field] !== count)
      .map(
        ([field, count]) => `the audit counts ${images?.[field] ?? 'no'} images as ${field}, not ${count}`,
      );
    if (problems.length === 0) rightAt = performance.now();
    return performance.now() - rightAt > AUDITED_MS ? problems : [];
  };
}
