import { MEDIA_TYPE } from '../../model/index.ts';
import { HISTORY_TYPE } from '../records/history.ts';
import { QUARANTINE_TYPE } from '../records/quarantine-flag.ts';

/** What of the attachments is asked for. */
export interface AttachmentSelection {
  readonly carry: 'All' | 'None' | 'Listed';
  /** For `Listed`. */
  readonly artifactTypes: readonly string[];
  /** Whether end-of-life marks are copied, too. */
  readonly lifecycle: boolean;
}

/** What decides whether an attachment is copied. */
export interface CarryRules {
  readonly kind: 'mirror' | 'promote';
  readonly attachments: AttachmentSelection;
}

/** Why an attachment stays behind, each with one clause for a person. */
export const LEFT_BECAUSE = {
  QuarantineFlag: 'a quarantine flag is about the repository where the image was',
  LifecycleMark: 'an end-of-life mark is about the repository where it was set',
  MirrorHistory: 'the history of a mirror is about its own repository',
  NotSelected: 'its artifact type is not among those to be carried',
  IndexRebuilt: 'it is about an index that was made smaller',
  Gone: 'it is listed, and no longer there',
  NoReferrer: 'it is listed, but names another subject or none',
  NotMergeable: 'the tag holds no manifest with layers',
  TargetHasOwn: 'the target has one of its own that cannot be merged',
} as const;

/** A code from {@link LEFT_BECAUSE}. */
export type LeftBecause = keyof typeof LEFT_BECAUSE;

/*
 * Referrers about a repository and not about the image. A copied mark would declare a supported image outdated at the target, and
 * a copied flag would keep an image in quarantine that was just released. Provenance is about the image and is carried.
 */
const LIFECYCLE_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.pratique.lifecycle.v1+json',
  'application/vnd.microsoft.artifact.lifecycle', // Azure Container Registry
  'application/vnd.myorganization.image.lifecycle.metadata', // its documentation, copied as it stands by many
]);

/** Types under which some registries list everything that has no config of its own. */
const SAYS_NOTHING: ReadonlySet<string> = new Set([
  '',
  MEDIA_TYPE.empty,
  'application/vnd.oci.image.config.v1+json',
]);

/** Whether a listing with this type leaves open what it lists: the manifest itself has to be asked. */
export function saysNothing(artifactType: string): boolean {
  return SAYS_NOTHING.has(artifactType);
}

/** Why an attachment of this type stays behind; `undefined` when it is carried. */
export function leftBecause(
  artifactType: string,
  { kind, attachments: { carry, artifactTypes, lifecycle } }: CarryRules,
): LeftBecause | undefined {
  if (kind === 'promote' && artifactType === QUARANTINE_TYPE) return 'QuarantineFlag';
  if (!lifecycle && LIFECYCLE_TYPES.has(artifactType)) return 'LifecycleMark';
  if (artifactType === HISTORY_TYPE) return 'MirrorHistory';
  const selected = carry === 'All' || (carry === 'Listed' && artifactTypes.includes(artifactType));
  return selected ? undefined : 'NotSelected';
}
