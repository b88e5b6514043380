import pLimit from 'p-limit';
import type { JudgedReference, ManifestSource, TagSource } from '../../evidence/index.ts';
import { failed, parsed, parseReference, pin } from '../../model/index.ts';
import type { Clock, Digest, Parsed, PinnedRef, Reason } from '../../model/index.ts';
import type { Authority, CompiledPolicy } from '../../policy/index.ts';
import { orFault } from '../concurrency.ts';
import { exceptionsOf } from '../gates/scan-gate.ts';
import { ownPolicy, reportPolicy } from '../gates/signed-reports.ts';
import { standingOf, type Standing, type StandingRule } from '../reassessment.ts';
import type { ImagePromotionSpec, ScanSpec } from '../schema.ts';
import { isReservedTag } from '../selection/reserved-tags.ts';
import type { OpeningContext } from './context.ts';
import { openSigner } from './open-execution.ts';
import { readOwner, type NamespacedPromotion } from './secrets.ts';
import { judgeOn, openSide } from './side.ts';

/** What is judged again. */
export interface PromotionToRejudge extends NamespacedPromotion {
  readonly known: readonly ImageAtTarget[];
}

/**
 * Judges what a promotion has promoted, as it lies at its target, by reports of its own signer and of `scan.authorities`;
 * `undefined` = no report would count. Problems name the field.
 */
export async function rejudgeTarget(
  promotion: PromotionToRejudge,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<TargetJudgement | undefined>> {
  const { spec, known } = promotion;
  const scan = reportingScan(spec);
  if (!scan) return parsed(undefined);
  const read = await readOwner(promotion, signal);
  if (!read.ok) return read;
  const owner = read.value;
  const given = { material: owner.material, roots: context.roots };
  const signer = await openSigner(spec, owner, context);
  const [place, side, reports, own] = [
    parseReference(spec.source.repository ?? ''),
    await openSide('target', { side: spec.target, owner, needs: [] }, context, signal),
    reportPolicy(spec, given),
    signer.ok ? ownPolicy(signer.value, given) : signer,
  ];
  if (!side.ok) return failed([place, side, reports, own]);
  const { registry: target, close } = side.value;
  try {
    if (!place.ok || !reports.ok || !own.ok) return failed([place, reports, own]);
    const releasesBy = authoritiesOf(own.value);
    const reportsBy = [...authoritiesOf(reports.value), ...releasesBy];
    const places = { source: place.value, target: side.value.place };
    const rule = { scan, exceptions: exceptionsOf(scan, place.value), reportsBy, releasesBy, ...places };
    const policies = [reports.value, own.value].filter((one) => one !== undefined);
    const judge = judgeOn(side.value, policies, context);
    const look = { rule, target, judge, pace: paceOf(context), clock: context.clock };
    return parsed(await judgeTarget(look, known, signal));
  } finally {
    await close();
  }
}

/** The scan whose reports can count: by the key of the promotion itself, or by authorities it names. Keyless has no key beforehand. */
function reportingScan({ promote }: ImagePromotionSpec): ScanSpec | undefined {
  const scan = promote?.scan;
  return scan && (scan.authorities.length > 0 || promote.sign?.secretRef) ? scan : undefined;
}

function authoritiesOf(policy: CompiledPolicy | undefined): readonly Authority[] {
  return policy?.vulnerabilities?.from ?? [];
}

/** One after another, so many in a second. */
function paceOf({ rejudgePerSecond, now, pause }: OpeningContext): (signal: AbortSignal) => Promise<void> {
  let next = now();
  return async (signal) => {
    const moment = now();
    const waitMs = next - moment;
    next = Math.max(moment, next) + 1_000 / rejudgePerSecond;
    if (waitMs > 0) await pause(waitMs, signal);
  };
}

/** Most tags of one target that are examined; the rest is counted and reported. A repository of releases has some hundreds. */
const MAX_TAGS = 5_000;
/** Images judged in parallel: no caller waits for it. */
const AT_ONCE = 4;
/** So many images in a row that could not be judged, and the registry is left alone until the next check. */
const GIVE_UP_AFTER = 8;

/** An image at the target. */
export interface ImageAtTarget {
  /** Its repository at the source, where there are many. */
  readonly repository?: string;
  readonly tag: string;
  readonly digest: Digest;
}

/** One image with how it stands. */
export type JudgedAtTarget = ImageAtTarget & Standing;

/** The result of checking a target. */
export interface TargetJudgement {
  readonly judged: readonly JudgedAtTarget[];
  /** Tags that were not examined, or could not be. */
  readonly unseen: number;
  /** Why something was not seen. */
  readonly reason?: Reason;
}

/** What looking at a target takes. */
export interface TargetLook {
  readonly rule: StandingRule;
  readonly target: ManifestSource & TagSource;
  /** Gathers what is signed about an image there, for all authorities of the rule. */
  readonly judge: (image: PinnedRef, signal: AbortSignal) => Promise<Omit<JudgedReference, 'reference'>>;
  /** Waits until the registry may be asked about one more image. */
  readonly pace: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
}

/**
 * Judges again what a promotion has brought to its target: images that are known to be its own, and all under whose tags there
 * lies one that its signer has released. Reads only. Throws a `Fault` when the tags cannot be listed.
 */
export async function judgeTarget(
  { rule, target, judge, pace, clock }: TargetLook,
  known: readonly ImageAtTarget[],
  signal: AbortSignal,
): Promise<TargetJudgement> {
  const tags = rule.releasesBy.length > 0 ? ((await target.tags(rule.target, signal)) ?? []) : [];
  const images = tags.filter((tag) => !isReservedTag(tag));
  const attempt = patient(pace, signal);
  const limit = pLimit(AT_ONCE);
  const resolve = (tag: string) =>
    attempt(async () => {
      const digest = await target.tagDigest({ ...rule.target, tag }, signal);
      return digest && { tag, digest };
    });
  const found = await Promise.all(images.slice(0, MAX_TAGS).map((tag) => limit(() => resolve(tag))));
  const unread = found.flatMap((one) => (one && 'code' in one ? [one] : []));
  const keyOf = ({ tag, digest }: ImageAtTarget): string => `${tag}@${digest}`;
  const knownKeys = new Set(known.map(keyOf));
  const others = found.flatMap((one) => (one && 'digest' in one && !knownKeys.has(keyOf(one)) ? [one] : []));
  const ask = async (
    { tag, digest }: ImageAtTarget,
    isKnown: boolean,
  ): Promise<readonly JudgedAtTarget[]> => {
    const said = await attempt(async (): Promise<Standing | Reason | undefined> => {
      const { evidence } = await judge(pin({ ...rule.target, tag }, digest), signal);
      if (!evidence) return { state: 'unreported' };
      const { manifest, signatures } = evidence;
      if (manifest.state === 'absent') return { state: 'gone' };
      if (manifest.state === 'unknown') return manifest.reason;
      return standingOf({ digest, known: isKnown, signatures }, rule, clock());
    });
    if (said === undefined) return [];
    return [{ tag, digest, ...('code' in said ? { state: 'unknown', reason: said } : said) }];
  };
  const judged = await Promise.all([
    ...known.map((image) => limit(() => ask(image, true))),
    ...others.map((image) => limit(() => ask(image, false))),
  ]);
  const cut = Math.max(0, images.length - MAX_TAGS);
  const reason = unread[0] ?? (cut > 0 ? TOO_MANY : undefined);
  return { judged: judged.flat(), unseen: unread.length + cut, reason };
}

const TOO_MANY: Reason = {
  code: 'LimitExceeded',
  detail: `only the first ${String(MAX_TAGS)} tags of the target are looked at`,
};

/** Asks one thing after another of the registry, until it has failed too often in a row. */
function patient(pace: TargetLook['pace'], signal: AbortSignal) {
  let failures = 0;
  let last: Reason = { code: 'InternalError', detail: 'nothing was asked' };
  return async <T extends object>(ask: () => Promise<T | undefined>): Promise<T | Reason | undefined> => {
    if (failures >= GIVE_UP_AFTER) return last;
    await pace(signal);
    const answer = await orFault(ask(), ({ code, message: detail }): Reason => ({ code, detail }), signal);
    const failed = answer !== undefined && 'code' in answer;
    failures = failed ? failures + 1 : 0;
    if (failed) last = answer;
    return answer;
  };
}
