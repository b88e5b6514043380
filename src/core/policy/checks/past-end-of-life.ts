import { ownField, unknown } from '../../model/index.ts';
import type { Annotations, Evidence, Finding, Unknown } from '../../model/index.ts';
import type { CompiledPolicy } from '../compile/compile.ts';
import type { LifecycleRequirement } from '../compile/requirements.ts';
import { readIndexes, readReferrers } from '../readings.ts';
import { formatDay, parseTime } from '../time.ts';
import { notThere, refused, unknownFinding, type Check, type Given } from './check.ts';

const WORDS = {
  EndOfLife: { past: 'PastEndOfLife', ended: 'ended', ends: 'ends' },
  EndOfSupport: { past: 'PastEndOfSupport', ended: 'support ended', ends: 'support ends' },
} as const;

/** Refuses an image whose end of life (or support) has passed, warns when it is near. The earliest date wins. */
export const pastEndOfLife: Check = (given) => {
  const { evidence, policy, now } = given;
  const { lifecycle } = policy;
  if (!lifecycle) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const reading = readLifecycle(evidence, lifecycle);
  const claim = decidingClaim(reading.claims, lifecycle.refuse);
  if (claim && isPast(claim, lifecycle.gracePeriodMs, now)) return about(claim, 'past', given);
  // A later date proves nothing while an earlier one may hide in what could not be read.
  const doubt = inDoubt(reading, lifecycle.refuse, policy);
  if (doubt) return doubt;
  if (!claim) return lifecycle.required ? missing(policy) : undefined;
  return lifecycle.warnBeforeMs > 0 && isNear(claim, lifecycle, now)
    ? about(claim, 'near', given)
    : undefined;
};

function about({ says, moment, where }: LifecycleClaim, when: 'past' | 'near', given: Given): Finding {
  const { policy, evidence } = given;
  const words = WORDS[says];
  const day = `${formatDay(moment)}, says ${where}`;
  if (when === 'past') return refused(policy, words.past, `${words.ended} ${day}`, newest(evidence));
  const near = refused(policy, 'EndOfLifeNear', `${words.ends} ${day}`, newest(evidence));
  return { ...near, kind: 'notice' };
}

function inDoubt(
  { incomplete, unreadable }: LifecycleReading,
  refuse: LifecycleRequirement['refuse'],
  policy: CompiledPolicy,
): Finding | undefined {
  if (incomplete) return unknownFinding(policy, incomplete);
  const where = unreadable.find(({ says }) => counts(says, refuse))?.where;
  if (where === undefined) return undefined;
  const detail = `no date can be read in ${where}; write 2026-12-31 or 2026-12-31T00:00:00Z`;
  return unknownFinding(policy, unknown('UnreadableDate', detail));
}

function missing(policy: CompiledPolicy): Finding {
  const next = 'annotate it with org.opencontainers.image.support.end-of-life';
  return refused(policy, 'LifecycleMissing', 'no lifecycle date on the image or its referrers', next);
}

function newest({ successor }: Evidence): string {
  if (successor.state !== 'found') return 'move to a supported image of this line';
  return `newest in this line: ${successor.value.tag}`;
}

export type LifecycleKind = LifecycleRequirement['refuse'];

/** A date that the image or one of its lifecycle referrers claims. */
export interface LifecycleClaim {
  readonly says: LifecycleKind;
  readonly moment: Date;
  /** Where it stands, for a person: `annotation KEY` or `referrer sha256:77…`. */
  readonly where: string;
}

/** All lifecycle claims that count under one policy. */
export interface LifecycleReading {
  readonly claims: readonly LifecycleClaim[];
  /** Places that hold something that is no date, and what it should have said. */
  readonly unreadable: readonly { readonly says: LifecycleKind; readonly where: string }[];
  /** Set when a place that might hold a claim could not be read. */
  readonly incomplete?: Unknown;
}

const WELL_KNOWN_KEYS: readonly { readonly key: string; readonly says: LifecycleKind }[] = [
  { key: 'org.opencontainers.image.support.end-of-life', says: 'EndOfLife' },
  { key: 'vnd.microsoft.artifact.lifecycle.end-of-life.date', says: 'EndOfLife' }, // Azure Container Registry
  { key: 'dev.pratique.lifecycle.end-of-life', says: 'EndOfLife' },
  { key: 'dev.pratique.lifecycle.end-of-support', says: 'EndOfSupport' },
];

/** Artifact types of the referrers that hold dates under any policy. */
export const LIFECYCLE_TYPES: readonly string[] = [
  'application/vnd.microsoft.artifact.lifecycle', // Azure Container Registry
  'application/vnd.pratique.lifecycle.v1+json',
];

/** Keys of the annotations that hold dates under any policy. */
export const LIFECYCLE_KEYS: readonly string[] = WELL_KNOWN_KEYS.map(({ key }) => key);

/**
 * Reads every lifecycle date that a policy counts, on the image and on its lifecycle referrers, and the same on each index through
 * which the tag leads to it.
 */
export function readLifecycle(
  evidence: Pick<Evidence, 'manifest' | 'referrers' | 'indexes'>,
  rules: Pick<LifecycleRequirement, 'annotations' | 'artifactTypes'>,
): LifecycleReading {
  const { read, incomplete } = readIndexes(evidence);
  const own = readOne(evidence, rules);
  const above = read.map(({ image, ...index }) => {
    const { claims, unreadable, ...rest } = readOne(index, rules);
    const placed = <T extends { readonly where: string }>(one: T): T => {
      return { ...one, where: `${one.where} of the index ${image.digest.slice(0, 19)}…` };
    };
    return { ...rest, claims: claims.map(placed), unreadable: unreadable.map(placed) };
  });
  const all = [own, ...above];
  return {
    claims: all.flatMap(({ claims }) => claims),
    unreadable: all.flatMap(({ unreadable }) => unreadable),
    incomplete: all.map((one) => one.incomplete).find((one) => one !== undefined) ?? incomplete,
  };
}

function readOne(
  { manifest, referrers }: Pick<Evidence, 'manifest' | 'referrers'>,
  { annotations, artifactTypes }: Pick<LifecycleRequirement, 'annotations' | 'artifactTypes'>,
): LifecycleReading {
  const keys = [...WELL_KNOWN_KEYS, ...annotations];
  const types = new Set([...LIFECYCLE_TYPES, ...artifactTypes]);
  const claims: LifecycleClaim[] = [];
  const unreadable: { says: LifecycleKind; where: string }[] = [];
  const read = (from: Annotations, where: (key: string) => string) => {
    for (const { key, says } of keys) {
      const text = ownField(from, key);
      if (text === undefined) continue;
      const moment = parseTime(text);
      if (moment) claims.push({ says, moment, where: where(key) });
      else unreadable.push({ says, where: where(key) });
    }
  };
  if (manifest.state === 'found') read(manifest.value.annotations, (key) => `annotation ${key}`);
  const listing = readReferrers(referrers);
  for (const referrer of listing.read) {
    if (types.has(referrer.artifactType))
      read(referrer.annotations, () => `referrer ${referrer.digest.slice(0, 19)}…`);
  }
  const incomplete = manifest.state === 'unknown' ? manifest : listing.incomplete;
  return { claims, unreadable, incomplete };
}

/** The claim that decides: the earliest of those that `refuse` counts (end of life alone, or the earlier of both). */
export function decidingClaim(
  claims: readonly LifecycleClaim[],
  refuse: LifecycleKind,
): LifecycleClaim | undefined {
  return claims
    .filter(({ says }) => counts(says, refuse))
    .sort((a, b) => a.moment.getTime() - b.moment.getTime())[0];
}

/** Whether a date of this kind counts: the end of life always, the end of support where that refuses. */
export function counts(says: LifecycleKind, refuse: LifecycleKind): boolean {
  return says === 'EndOfLife' || refuse === 'EndOfSupport';
}

export function isPast({ moment }: LifecycleClaim, gracePeriodMs: number, now: Date): boolean {
  return now.getTime() > moment.getTime() + gracePeriodMs;
}

/** Whether the date of a claim is so near that a person should know. */
export function isNear(
  { moment }: LifecycleClaim,
  { warnBeforeMs }: Pick<LifecycleRequirement, 'warnBeforeMs'>,
  now: Date,
): boolean {
  return now.getTime() >= moment.getTime() - warnBeforeMs;
}
