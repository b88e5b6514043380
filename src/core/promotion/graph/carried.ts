import { MEDIA_TYPE } from '../../model/index.ts';
import { HISTORY_TYPE } from '../records/history-page.ts';
import { QUARANTINE_TYPE } from '../records/marks.ts';
import type { ImagePromotionSpec } from '../schema.ts';

/** What decides whether an attachment is copied. */
export interface CarryRules {
  readonly kind: 'mirror' | 'promote';
  readonly attachments: Pick<ImagePromotionSpec['attachments'], 'carry' | 'lifecycle'> & {
    readonly artifactTypes: readonly string[];
  };
}

/** Why an attachment stays behind. */
export type LeftBecause =
  /** A quarantine flag is about the repository where the image was. */
  | 'QuarantineFlag'
  /** An end-of-life mark is about the repository where it was set. */
  | 'LifecycleMark'
  /** The history of a mirror is about its own repository. */
  | 'MirrorHistory'
  /** Its artifact type is not among those to be carried. */
  | 'NotSelected'
  /** It is about an index that was made smaller. */
  | 'IndexRebuilt'
  /** It is listed, and no longer there. */
  | 'Gone'
  /** It is a manifest of a kind that is not known, such as the artifact manifests of early releases of OCI 1.1. */
  | 'Unreadable'
  /** It is listed, but names another subject or none. */
  | 'NoReferrer'
  /** The tag holds no manifest with layers. */
  | 'NotMergeable';

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
const SAYS_NOTHING = ['', MEDIA_TYPE.empty, 'application/vnd.oci.image.config.v1+json'];

/** Whether a listing with this type leaves open what it lists: the manifest itself has to be asked. */
export function saysNothing(artifactType: string): boolean {
  return SAYS_NOTHING.includes(artifactType);
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
