import { type ImageRef, formatReference } from '../model/index.ts';
import { exceptionsOf } from './gates/exceptions.ts';
import type { TargetRegistry } from './ports.ts';
import { approveStep } from './steps/approve.ts';
import { attachStep } from './steps/attach.ts';
import { copyStep } from './steps/copy.ts';
import { deleteSourceStep } from './steps/delete-source.ts';
import { signStep } from './steps/sign.ts';
import { type Step, blocked } from './steps/step.ts';
import { supersedeStep } from './steps/supersede.ts';
import { tagStep } from './steps/tag.ts';
import type { ImageTask, Learned, StepParts } from './steps/task.ts';
import { verifyTargetStep } from './steps/verify-target.ts';
import type { PromoteSpec, ScanSpec } from './schema.ts';
import { durationMs } from '../policy/index.ts';
import type { Scanned } from './gates/scanned.ts';
import { judgeScan, type ScanRule } from './gates/scan-gate.ts';
import { scanPlatforms } from './gates/scan-platforms.ts';
import { gateHash } from './gates/waive.ts';

/** What the steps of a promotion work with: the source may have to be written to, for it may have to go. */
export interface PromoteParts extends StepParts {
  readonly source: TargetRegistry;
  /** Repository of the source. */
  readonly from: ImageRef;
}

/** The steps of a promotion, in their order: gates, then all that is invisible without a tag, the tag, and tidying. */
export function promoteSteps(parts: PromoteParts, promote: PromoteSpec): readonly Step<ImageTask, Learned>[] {
  const { policies, scan, approval, attach, sign, supersede, deleteSource } = promote;
  return [
    ...(policies.length > 0 ? [verifySource(parts)] : []),
    ...(scan ? [scanStep({ ...parts, scan, exceptions: exceptionsOf(scan, parts.from) })] : []),
    ...(scan || approval !== 'Never' ? [approveStep(approval, parts)] : []),
    copyStep(parts),
    ...(scan && attach.report ? [attachStep({ ...parts, scan, promote })] : []),
    ...(sign ? [signStep({ ...parts, sign, promote })] : []),
    verifyTargetStep({ ...parts, thorough: deleteSource }),
    tagStep(parts),
    ...(supersede ? [supersedeStep(parts, supersede)] : []),
    ...(deleteSource ? [deleteSourceStep(parts)] : []),
  ];
}

/** What {@link scanStep} works with. */
interface ScanParts extends Pick<StepParts, 'source' | 'scanner' | 'reports' | 'clock'> {
  readonly scan: ScanSpec;
  /** The exceptions of the promotion, as they apply to its source. */
  readonly exceptions: ScanRule['exceptions'];
}

/** Scans every platform, or reads signed reports, and judges what was found. What follows from that, the next step says. */
function scanStep(parts: ScanParts): Step<ImageTask, Learned> {
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
  if (!manifest) return [unscanned(image, `${formatReference(image)} is no longer there`)];
  if (!scanner) return [unscanned(image, 'there is no scanner')];
  return scanPlatforms({ image, manifest, from: scan.from, registry: source, scanner }, signal);
}

function unscanned({ digest }: ImageTask['image'], detail: string): Scanned {
  return {
    platform: '',
    digest,
    kind: 'unknown',
    reason: { code: 'ScannerFailed', detail },
    transient: false,
  };
}

/** The image has to satisfy the policies that the promotion names; a fact that could not be read blocks, too. */
export function verifySource({ judge }: Pick<StepParts, 'judge'>): Step<ImageTask, Learned> {
  return {
    name: 'verify source',
    run: async ({ image }, _, signal) => {
      const { verdict } = await judge(image, signal);
      signal.throwIfAborted();
      if (verdict.kind === 'allow' || verdict.kind === 'warn') return { status: 'succeeded' };
      const against = verdict.findings.find(({ effect }) => effect === 'deny');
      // A no without a reason is a no.
      if (!against) return blocked('PolicyBroken', 'the policies refuse it and do not say why');
      const policy = against.policy === '' ? '' : ` [policy ${against.policy}]`;
      return blocked(against.reason, `${against.found}; ${against.next}${policy}`);
    },
  };
}
