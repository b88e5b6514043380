import { isBackupTag } from './backup-tag.ts';

/** The tag under which a repository remembers what was mirrored into it, as other mirrors write it too. */
export const MIRROR_HISTORY_TAG = 'mirror-history';

/** The fallback tag of referrers (OCI distribution specification 1.1), and cosign's tags beside it. */
const OF_DIGEST = /^(?:sha256-[a-f0-9]{64}|sha512-[a-f0-9]{128})(?:\.(?:sig|att|sbom))?$/;

/**
 * Whether a tag never names an image to promote: what belongs to a digest, our own books, our own backups. Only by the
 * exact shape: `sha256-tools` is an ordinary image.
 */
export function isReservedTag(tag: string): boolean {
  return tag === MIRROR_HISTORY_TAG || OF_DIGEST.test(tag) || isBackupTag(tag);
}
