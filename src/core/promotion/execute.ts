import {
  type ImageRef,
  digestAlgorithm,
  digestHex,
  pin,
  type Digest,
  type ManifestContent,
} from '../model/index.ts';
import { arrivedOf, newness } from './at-target.ts';
import type { GateResult } from './gates/gate.ts';
import { discover, type DiscoverParts } from './discover.ts';
import type { Execution } from './execution.ts';
import type { Candidate, PlannedImage, Resolved } from './plan.ts';
import { NOTHING_MOVED, type ImageResult } from './result.ts';
import { runPlan } from './run.ts';
import { mirrorSteps } from './mirror.ts';
import { promoteSteps } from './promote.ts';
import type { ImageTask, Learned, StepParts } from './steps/task.ts';
import type { Step } from './steps/step.ts';
import type { HistoryBook } from './records/history-book.ts';
import type { TargetRegistry, ArtifactSigner, SourceRegistry } from './ports.ts';
import { RELEASE_PREDICATE_TYPE } from '../policy/index.ts';
import { findBundle, SIGN_PREDICATE_TYPE } from './records/bundle-artifact.ts';
import { findCosignLayer, type CosignLayerClaims } from './records/cosign-tag.ts';
import type { SignSpec } from './schema.ts';

/** A promotion with everything opened that it needs. */
export interface ExecutionParts extends Omit<StepParts, 'progress' | 'approvals' | 'source'> {
  /** Written to only when the promotion deletes there. */
  readonly source: TargetRegistry;
  /** Repositories. */
  readonly from: ImageRef;
  readonly to: ImageRef;
  /** What was mirrored into the target before; absent when no history is kept. */
  readonly history?: HistoryBook;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** The same registries, reporting each request made through them; absent = requests are not counted. */
  readonly watched?: (onRequest: () => void) => Pick<ExecutionParts, 'source' | 'target'>;
  /** Receives what is a bug. */
  readonly report: (error: unknown) => void;
  readonly close: () => Promise<void>;
}

/** Joins selection, plan and steps to something that can be planned and run. */
export function createExecution(parts: ExecutionParts): Execution {
  const { spec, source, target, from, to, history, clock } = parts;
  return {
    plan: async (signal) => {
      const unreadable = await history?.load(signal);
      if (unreadable) return { state: 'refused', reason: unreadable };
      return discover(
        {
          ...{ spec, source, target, from, to, clock },
          ...recordsOf(parts),
          rules: {
            onTagExists: spec.onTagExists,
            tidies: tidies(parts),
            ...(history && !spec.mirror?.force && { mirroredBefore: (one: Candidate) => history.has(one) }),
          },
        },
        signal,
      );
    },
    run: async (planned, { progress, dryRun, approvals, resumed = false }, signal) => {
      if (dryRun) return planned.map(wouldBe);
      const stepParts = { ...parts, progress, approvals };
      const requests = countRequests();
      const arrivedAs = spec.mirror ? 'Mirrored' : 'Promoted';
      const arrived = resumed ? await arrivedOf(planned, parts, signal) : new Set<string>();
      const isNew = resumed ? () => Promise.resolve(false) : newness(planned, parts);
      const results = await runPlan<ImageTask, Learned>(
        planned.map((one) => (arrived.has(one.tag) ? asArrived(one) : one)),
        {
          steps: (one) => stepsFor(one, { ...stepParts, ...parts.watched?.(requests.counterOf(one.tag)) }),
          taskOf: (one) => ({
            planned: one,
            image: { ...from, tag: one.tag, digest: one.digest },
            to: { ...to, tag: one.tag },
            targetIsNew: (until) => isNew(one, until),
          }),
          learned: { gates: [] },
          summary: (learned, { tag }) => ({ ...summaryOf(learned), ...requests.of(tag) }),
          arrivedAs,
          parallel: spec.maxParallelImages,
          restMs: () => Math.max(source.restMs(from.registry), target.restMs(to.registry)),
          pause: parts.pause,
          clock,
          progress,
          report: parts.report,
        },
        signal,
      );
      return results.map((one) =>
        arrived.has(one.tag) && one.decision === 'UpToDate' ? { ...one, decision: arrivedAs } : one,
      );
    },
    close: parts.close,
  };
}

/** By what an image that came through this promotion is recognised: only what it signs. */
function recordsOf({
  spec: { promote },
  target,
  to,
  signer,
}: ExecutionParts): Pick<DiscoverParts, 'hasReleaseRecords'> {
  const sign = promote?.sign;
  if (!sign || !signer) return {};
  return {
    hasReleaseRecords: (digest, signal) =>
      hasReleaseRecords({ target, to, signer, format: sign.format }, digest, signal),
  };
}

/** Counts the requests of each image of a run. */
function countRequests() {
  const counts = new Map<string, number>();
  return {
    counterOf: (tag: string) => () => {
      counts.set(tag, (counts.get(tag) ?? 0) + 1);
    },
    of: (tag: string): Pick<ImageResult, 'requests'> => {
      const requests = counts.get(tag);
      return requests === undefined ? {} : { requests };
    },
  };
}

function asArrived(planned: PlannedImage): PlannedImage {
  if (planned.action !== 'Move') return planned;
  const { tag, digest, expected } = planned;
  return { tag, digest, expected, atTarget: expected, action: 'UpToDate', tidy: true };
}

function tidies({ spec, history }: Pick<ExecutionParts, 'spec' | 'history'>): boolean {
  const { attachments, promote } = spec;
  return (
    attachments.late ||
    promote?.deleteSource === true ||
    promote?.supersede !== undefined ||
    history !== undefined
  );
}

type RunParts = ExecutionParts & Pick<StepParts, 'progress' | 'approvals'>;

/** All steps of an image that moves; of one that has arrived, those behind its tag, and before them what brings late attachments. */
function stepsFor(planned: Resolved, parts: RunParts): readonly Step<ImageTask, Learned>[] {
  const { mirror, promote, attachments } = parts.spec;
  const steps = [
    ...(mirror ? mirrorSteps(parts, mirror) : []),
    ...(promote ? promoteSteps(parts, promote) : []),
  ];
  if (planned.action !== 'UpToDate') return steps;
  const tag = steps.findIndex(({ name }) => name === 'tag');
  const again = attachments.late
    ? steps.filter(({ name }) => name === 'copy' || name === 'verify target')
    : [];
  return [...again, ...steps.slice(tag + 1)];
}

/** What a dry run says of a row. */
function wouldBe(planned: PlannedImage): ImageResult {
  const row = {
    tag: planned.tag,
    ...(planned.digest !== undefined && { digest: planned.digest }),
    ...NOTHING_MOVED,
  };
  switch (planned.action) {
    case 'Move':
      return { ...row, decision: 'Planned' };
    case 'UpToDate':
      return { ...row, decision: 'UpToDate' };
    case 'Skip':
    case 'Block':
    case 'Fail': {
      const decision = ({ Skip: 'Skipped', Block: 'Blocked', Fail: 'Failed' } as const)[planned.action];
      return { ...row, decision, reason: planned.reason, message: planned.message };
    }
  }
}

/** What the steps of an image have learned, in short. */
function summaryOf({
  moved,
  counts,
  gates,
  gateHash,
  approval,
  report,
  sourceLeft,
}: Learned): Partial<ImageResult> {
  const [scan] = gates;
  return {
    ...(moved && {
      bytes: moved.bytes,
      spared: { mounted: moved.spared.mounted, skipped: moved.spared.present + moved.spared.shared },
      blobs: {
        mounted: moved.blobs.mounted,
        copied: moved.blobs.copied,
        skipped: moved.blobs.present + moved.blobs.shared,
      },
    }),
    ...(counts && { attachments: counts }),
    ...(scan && scanSummary(scan)),
    ...(gateHash !== undefined && { gateHash }),
    ...(approval && { approvedBy: approval.approver }),
    ...(report && { reportDigest: report.digest }),
    ...(sourceLeft !== undefined && { message: `the source was not deleted: ${sourceLeft}` }),
  };
}

function scanSummary({ counts, worst, findings, exceptionsUntil }: GateResult): Partial<ImageResult> {
  const blocking = [...new Set(findings.map(({ id }) => id))];
  return {
    severities: counts,
    ...(worst && { worst }),
    ...(blocking.length > 0 && { blocking }),
    ...(exceptionsUntil && { exceptionsUntil }),
  };
}

/** Where release records are searched, and whose. */
interface ReleaseRecordsParts {
  readonly target: SourceRegistry;
  /** The repository at the target. */
  readonly to: ImageRef;
  readonly signer: Pick<ArtifactSigner, 'name'>;
  readonly format: SignSpec['format'];
}

/**
 * Whether an image at the target has what a promotion that signs leaves there: the signature and the release of its signer. It
 * costs one listing, or with `Legacy` two manifests. What is found are claims, which anyone who can push may forge: that makes
 * the promotion pass such an image over, and sign nothing. What a signature proves, admission verifies by itself.
 */
async function hasReleaseRecords(
  { target, to, signer: { name: signer }, format }: ReleaseRecordsParts,
  digest: Digest,
  signal: AbortSignal,
): Promise<boolean> {
  if (format !== 'Legacy') {
    const listed = await target.referrers(pin(to, digest), signal);
    return [SIGN_PREDICATE_TYPE, RELEASE_PREDICATE_TYPE].every(
      (predicateType) => findBundle(listed, { predicateType, signer }) !== undefined,
    );
  }
  const under = (suffix: CosignLayerClaims['suffix']): Promise<ManifestContent | undefined> => {
    const tag = `${digestAlgorithm(digest)}-${digestHex(digest)}.${suffix}`;
    return target.content({ registry: to.registry, repository: to.repository, tag }, signal);
  };
  const [signatures, statements] = await Promise.all([under('sig'), under('att')]);
  return (
    holds(signatures, { suffix: 'sig', signer }) &&
    holds(statements, { suffix: 'att', signer, predicateType: RELEASE_PREDICATE_TYPE })
  );
}

function holds(content: ManifestContent | undefined, claims: CosignLayerClaims): boolean {
  return content !== undefined && findCosignLayer(content.manifest, claims) !== undefined;
}
