import type { Digest, Reason, ReasonCode } from '../model/index.ts';
import { backupTag } from './selection/reserved-tags.ts';
import type { Rest } from './retry.ts';
import type { LeftOut } from './selection/select.ts';

/** A selected tag, with the digest it was resolved to once: from here on the run uses this digest only. */
export interface Candidate {
  /** The repository at the source, where a promotion takes from many. */
  readonly repository?: string;
  readonly tag: string;
  /** What the tag is called at the target, where it is called otherwise. */
  readonly targetTag?: string;
  readonly digest: Digest;
  /** The digest that it will have at the target: another one where platforms are left out of an index. */
  readonly expected: Digest;
  /** The digest that the tag has at the target; absent = there is no such tag. */
  readonly atTarget?: Digest;
  /** It is at the target without what the promotion leaves there: it was pushed past the gates. */
  readonly ungated?: true;
}

/** What the plan has to know of a promotion. */
export interface PlanRules {
  readonly onTagExists: 'Overwrite' | 'Skip' | 'Fail' | 'Backup';
  /** Whether an image is left alone that was mirrored before and is gone since. */
  readonly mirroredBefore?: (candidate: Candidate) => boolean;
  /**
   * Whether there may be something to do about an image that has arrived: attachments to bring, its flag to prove, its source to
   * delete, older ones to mark.
   */
  readonly tidies: boolean;
}

/** What will happen to one image, and why. */
export type PlannedAction =
  /** The tag has this digest at the target already, and came through this promotion. With `tidy`, what comes after the tag may still be open. */
  | { readonly action: 'UpToDate'; readonly tidy: boolean }
  /** It is promoted, unless a gate stops it. */
  | { readonly action: 'Move'; readonly overwrites?: Digest; readonly backup?: string }
  | { readonly action: 'Skip' | 'Block'; readonly reason: ReasonCode; readonly message: string };

/** One row of a plan. */
export type PlannedImage = (Candidate & PlannedAction) | UnplannedImage;

/** A tag about which something broke while it was read; the digest as far as it was resolved. */
export interface UnplannedImage extends Partial<Candidate> {
  /** Empty for a repository as a whole. */
  readonly tag: string;
  readonly action: 'Fail';
  readonly reason: ReasonCode;
  readonly message: string;
  readonly transient: boolean;
}

/** What a promotion would do, as the registries are at this moment. */
export type Discovery =
  /** `nothing` says why there is no image; absent where there are any. */
  | {
      readonly state: 'planned';
      readonly images: readonly PlannedImage[];
      readonly nothing?: string;
      /** Every tag of the source that is not taken; where no list was read, of the named ones. */
      readonly leftOut?: readonly LeftOut[];
      /** The registry that wants to be left alone before the first image; absent = none does. */
      readonly rest?: Rest;
      /** The repositories of a promotion that takes from many, with why one of them has no image. */
      readonly repositories?: readonly {
        readonly from: string;
        readonly to: string;
        readonly nothing?: string;
      }[];
    }
  /** There is nothing to plan for a reason that a person should read, e.g. a repository that is not there. */
  | { readonly state: 'refused'; readonly reason: Reason };

/** A row that has a digest: the only ones that go anywhere. */
export type Resolved = Exclude<PlannedImage, UnplannedImage>;

/** Plans a run: pure, in the order given, one row per candidate. Running the plan of a finished run does nothing. */
export function planRun(
  rows: readonly (Candidate | UnplannedImage)[],
  rules: PlanRules,
): readonly PlannedImage[] {
  return rows.map((row) => ('action' in row ? row : { ...row, ...actionFor(row, rules) }));
}

function actionFor(candidate: Candidate, { onTagExists, mirroredBefore, tidies }: PlanRules): PlannedAction {
  const { atTarget, expected, ungated } = candidate;
  const tag = tagAtTarget(candidate);
  if (atTarget === expected) return ungated ? { action: 'Move' } : { action: 'UpToDate', tidy: tidies };
  if (atTarget === undefined) {
    if (!mirroredBefore?.(candidate)) return { action: 'Move' };
    const message = 'was mirrored before and is gone since; mirror.force pulls it in again';
    return { action: 'Skip', reason: 'MirroredBefore', message };
  }
  const existing = `${tag} is ${short(atTarget)} at the target and`;
  switch (onTagExists) {
    case 'Overwrite':
      return { action: 'Move', overwrites: atTarget };
    case 'Backup':
      return { action: 'Move', overwrites: atTarget, backup: backupTag(tag, atTarget) };
    case 'Skip':
      return { action: 'Skip', reason: 'TagExists', message: `${existing} is left as it is` };
    case 'Fail':
      return { action: 'Block', reason: 'TagExists', message: `${existing} must not move` };
  }
}

/** How people read which image a row is about: the tag, and before it the repository where there are many. Unique in a run. */
export function rowName({ repository, tag }: Pick<UnplannedImage, 'repository' | 'tag'>): string {
  if (repository === undefined) return tag;
  return tag === '' ? repository : `${repository}:${tag}`;
}

/** What the tag of an image is called at the target. */
export function tagAtTarget({ tag, targetTag = tag }: Pick<UnplannedImage, 'tag' | 'targetTag'>): string {
  return targetTag;
}

/** A digest as messages show it. */
export function short(digest: Digest): string {
  return `${digest.slice(0, 19)}…`;
}
