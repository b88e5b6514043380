import { formatReference } from '../../model/index.ts';
import { durationMs } from '../../policy/index.ts';
import type { Scanned } from '../gates/scanned.ts';
import { judgeScan, type ScanRule } from '../gates/scan-gate.ts';
import { scanPlatforms } from '../gates/scan-platforms.ts';
import { gateHash } from '../gates/waive.ts';
import type { ScanSpec } from '../schema.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';

/** What {@link scanStep} works with. */
export interface ScanParts extends Pick<StepParts, 'source' | 'scanner' | 'reports' | 'clock'> {
  readonly scan: ScanSpec;
  /** The exceptions of the promotion, as they apply to its source. */
  readonly exceptions: ScanRule['exceptions'];
}

/** Scans every platform, or reads signed reports, and judges what was found. What follows from that, the next step says. */
export function scanStep(parts: ScanParts): Step<ImageTask, Learned> {
  const { scan, exceptions, clock } = parts;
  const rule: ScanRule = {
    failOn: scan.failOn,
    fixableOnly: scan.fixableOnly,
    maxReportAgeMs: durationMs(scan.maxReportAge),
    maxDatabaseAgeMs: durationMs(scan.maxDatabaseAge),
    exceptions,
  };
  return {
    name: 'scan',
    run: async (task, _, signal) => {
      const scanned = await scannedOf(task, parts, signal);
      const gates = [judgeScan(scanned, rule, clock())];
      const hash = gateHash({ digest: task.image.digest, results: gates });
      return { status: 'succeeded', learned: { scanned, gates, gateHash: hash } };
    },
  };
}

async function scannedOf(
  { image }: ImageTask,
  { scan, source, scanner, reports }: ScanParts,
  signal: AbortSignal,
): Promise<readonly Scanned[]> {
  if (scan.from === 'Report') return reports ? reports(image, signal) : [];
  const manifest = await source.manifest(image, signal);
  if (!manifest) return [dark(image, `${formatReference(image)} is gone`)];
  if (!scanner) return [dark(image, 'there is no scanner')];
  return scanPlatforms({ image, manifest, from: scan.from, registry: source, scanner }, signal);
}

function dark({ digest }: ImageTask['image'], detail: string): Scanned {
  return {
    platform: '',
    digest,
    kind: 'unknown',
    reason: { code: 'ScannerFailed', detail },
    transient: false,
  };
}
