import type { Registry } from '../../../../src/clients/registry/index.ts';
import { parseReference, type PinnedRef } from '../../../../src/core/model/index.ts';
import type { GateResult } from '../../../../src/core/promotion/gates/gate.ts';
import { judgeScan, type ScanRule } from '../../../../src/core/promotion/gates/scan-gate.ts';
import { scanPlatforms, type ScanTask } from '../../../../src/core/promotion/gates/scan-platforms.ts';
import type { Pushed } from '../../../support/registry/push.ts';

const TIMEOUT_MS = 60_000;

/** A reference with a digest, from its text. */
export function pinned(reference: string): PinnedRef {
  const read = parseReference(reference);
  if (!read.ok || read.value.digest === undefined) throw new Error(`${reference} is not pinned`);
  return { ...read.value, digest: read.value.digest };
}

/** Scans an image as a promotion does, and judges it. */
export async function scanGate(
  registry: Registry,
  image: Pushed,
  how: ScanRule & Pick<ScanTask, 'scanner'> & Partial<ScanTask>,
): Promise<GateResult> {
  const ref = pinned(image.reference);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const manifest = await registry.manifest(ref, signal);
  if (manifest === undefined) throw new Error(`${image.reference} is gone`);
  const task = { image: ref, manifest, from: 'Image', registry, ...how } as const;
  return judgeScan(await scanPlatforms(task, signal), how, new Date());
}
