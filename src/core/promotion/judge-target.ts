import pLimit from 'p-limit';
import {
  Fault,
  pin,
  type Clock,
  type Digest,
  type ImageRef,
  type PinnedRef,
  type Reason,
} from '../model/index.ts';
import type { JudgedReference, ManifestSource, TagSource } from '../evidence/index.ts';
import { isReservedTag } from './selection/reserved-tags.ts';
import { standingOf, type Standing, type StandingRule } from './reassessment.ts';

/** Most tags of one target that are examined; the rest is counted and reported. A repository of releases has some hundreds. */
const MAX_TAGS = 5_000;
/** Images judged in parallel: no caller waits for it. */
const AT_ONCE = 4;
/** So many images in a row that could not be judged, and the registry is left alone until the next check. */
const GIVE_UP_AFTER = 8;

/** An image at the target. */
export interface ImageAtTarget {
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
  look: TargetLook,
  known: readonly ImageAtTarget[],
  signal: AbortSignal,
): Promise<TargetJudgement> {
  const { target, rule } = look;
  const tags = rule.releasesBy.length > 0 ? ((await target.tags(rule.target, signal)) ?? []) : [];
  const images = tags.filter((tag) => !isReservedTag(tag));
  const asking = patient(look, signal);
  const limit = pLimit(AT_ONCE);
  const knownOnes = new Map(known.map((image) => [keyOf(image), image]));
  const found = await Promise.all(
    images.slice(0, MAX_TAGS).map((tag) => limit(() => asking.resolve({ ...rule.target, tag }))),
  );
  const resolved = found.flatMap((one) => (one && 'digest' in one ? [one] : []));
  const unread = found.flatMap((one) => (one && 'code' in one ? [one] : []));
  const others = resolved.filter((image) => !knownOnes.has(keyOf(image)));
  const judged = await Promise.all([
    ...known.map((image) => limit(() => asking.ask(image, true))),
    ...others.map((image) => limit(() => asking.ask(image, false))),
  ]);
  const cut = Math.max(0, images.length - MAX_TAGS);
  const reason = unread[0] ?? (cut > 0 ? TOO_MANY : undefined);
  return {
    judged: judged.flatMap((one) => one ?? []),
    unseen: unread.length + cut,
    ...(reason && { reason }),
  };
}

const TOO_MANY: Reason = {
  code: 'LimitExceeded',
  detail: `only the first ${String(MAX_TAGS)} tags of the target are looked at`,
};

function keyOf({ tag, digest }: ImageAtTarget): string {
  return `${tag}@${digest}`;
}

/** Asks one thing after another of the registry, until it has failed too often in a row. */
function patient({ rule, target, judge, pace, clock }: TargetLook, signal: AbortSignal) {
  let failures = 0;
  let last: Reason = { code: 'InternalError', detail: 'nothing was asked' };
  const attempt = async <T extends object>(ask: () => Promise<T | undefined>) => {
    if (failures >= GIVE_UP_AFTER) return last;
    await pace(signal);
    const answer = await orReason(ask, signal);
    const failed = answer !== undefined && 'code' in answer;
    failures = failed ? failures + 1 : 0;
    if (failed) last = answer;
    return answer;
  };
  return {
    /** The image under a tag; `undefined` = there is no such tag any more. */
    resolve: async (ref: ImageRef & { readonly tag: string }): Promise<ImageAtTarget | Reason | undefined> =>
      attempt(async () => {
        const digest = await target.tagDigest(ref, signal);
        return digest && { tag: ref.tag, digest };
      }),
    ask: async ({ tag, digest }: ImageAtTarget, known: boolean): Promise<JudgedAtTarget | undefined> => {
      const said = await attempt(async (): Promise<Standing | Reason | undefined> => {
        const { evidence } = await judge(pin({ ...rule.target, tag }, digest), signal);
        if (!evidence) return { state: 'unreported' };
        const { manifest, signatures } = evidence;
        if (manifest.state === 'absent') return { state: 'gone' };
        if (manifest.state === 'unknown') return manifest.reason;
        return standingOf({ digest, known, signatures }, rule, clock());
      });
      if (said === undefined) return undefined;
      return { tag, digest, ...('code' in said ? { state: 'unknown', reason: said } : said) };
    },
  };
}

async function orReason<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | Reason> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Fault) || signal.aborted) throw error;
    return { code: error.code, detail: error.message };
  }
}
