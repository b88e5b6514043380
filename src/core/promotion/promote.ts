import { formatReference } from '../model/index.ts';
import { durationMs } from '../policy/index.ts';
import { gateHash } from './gates/gate.ts';
import { exceptionsOf, judgeScan, type ScanRule } from './gates/scan-gate.ts';
import { scanPlatforms } from './gates/scan-platforms.ts';
import type { Scanned } from './gates/scanned.ts';
import type { PromoteSpec, ScanSpec } from './schema.ts';
import { approveStep } from './steps/approve.ts';
import { attachStep } from './steps/attach.ts';
import { copyStep, tagStep, verifyTargetStep } from './steps/copy.ts';
import { deleteSourceStep } from './steps/delete-source.ts';
import { signStep } from './steps/sign.ts';
import { blocked, step, type ImageTask, type Step, type StepParts } from './steps/step.ts';
import { supersedeStep } from './steps/supersede.ts';

/** The steps of a promotion, in their order: gates, then all that is invisible without a tag, the tag, and tidying. */
export function promoteSteps(parts: StepParts, promote: PromoteSpec): readonly Step[] {
  const { policies, scan, approval, sign, supersede, deleteSource } = promote;
  return [
    ...(policies.length > 0 ? [verifySource(parts)] : []),
    ...(scan ? [scanStep(parts, scan)] : []),
    ...(scan || approval !== 'Never' ? [approveStep(parts, approval)] : []),
    copyStep(parts),
    ...(scan && promote.attach.report ? [attachStep(parts, scan, sign)] : []),
    ...(sign ? [signStep(parts, promote, sign)] : []),
    verifyTargetStep(parts, deleteSource),
    tagStep(parts),
    ...(supersede ? [supersedeStep(parts, supersede)] : []),
    ...(deleteSource ? [deleteSourceStep(parts)] : []),
  ];
}

/** Scans every platform, or reads signed reports, and judges what was found. What follows from that, the next step says. */
function scanStep(parts: StepParts, scan: ScanSpec): Step {
  const rule: ScanRule = {
    failOn: scan.failOn,
    fixableOnly: scan.fixableOnly,
    maxReportAgeMs: durationMs(scan.maxReportAge),
    maxDatabaseAgeMs: durationMs(scan.maxDatabaseAge),
    exceptions: exceptionsOf(scan, parts.from),
  };
  return step('scan', async ({ image }, _, signal) => {
    const scanned = await scannedOf(image, parts, scan.from, signal);
    const gates = [judgeScan(scanned, rule, parts.clock())];
    const hash = gateHash({ digest: image.digest, results: gates });
    return { status: 'succeeded', learned: { scanned, gates, gateHash: hash } };
  });
}

async function scannedOf(
  image: ImageTask['image'],
  { source, scanner, reports }: StepParts,
  from: ScanSpec['from'],
  signal: AbortSignal,
): Promise<readonly Scanned[]> {
  if (from === 'Report') return reports ? reports(image, signal) : [];
  const manifest = await source.manifest(image, signal);
  if (manifest && scanner) return scanPlatforms({ image, manifest, from, registry: source, scanner }, signal);
  const detail = manifest ? 'there is no scanner' : `${formatReference(image)} is no longer there`;
  const reason = { code: 'ScannerFailed', detail } as const;
  return [{ platform: '', digest: image.digest, kind: 'unknown', reason, transient: false }];
}

/** The image has to satisfy the policies that the promotion names; a fact that could not be read blocks, too. */
export function verifySource({ judge }: Pick<StepParts, 'judge'>): Step {
  return step('verify source', async ({ image }, _, signal) => {
    const { verdict } = await judge(image, signal);
    signal.throwIfAborted();
    if (verdict.kind === 'allow' || verdict.kind === 'warn') return { status: 'succeeded' };
    const against = verdict.findings.find(({ effect }) => effect === 'deny');
    // A no without a reason is a no.
    if (!against) return blocked('PolicyBroken', 'the policies refuse it and do not say why');
    const policy = against.policy === '' ? '' : ` [policy ${against.policy}]`;
    return blocked(against.reason, `${against.found}; ${against.next}${policy}`);
  });
}
