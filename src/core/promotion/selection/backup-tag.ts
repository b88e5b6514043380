import { digestHex, type Digest } from '../../model/index.ts';

/** Characters of a digest in a backup tag: enough to be one of a kind within a repository. */
const BACKUP_DIGITS = 12;
/** Longest tag (distribution spec, "Pulling manifests"). */
const MAX_TAG = 128;
const BACKUP_MARK = '.replaced-';
const BACKUP = /\.replaced-[a-f0-9]{12}$/;

/** The tag under which an image stays that loses its own: the same however often a run is begun again. */
export function backupTag(tag: string, digest: Digest): string {
  const hex = digestHex(digest).slice(0, BACKUP_DIGITS);
  return `${tag.slice(0, MAX_TAG - BACKUP_MARK.length - BACKUP_DIGITS)}${BACKUP_MARK}${hex}`;
}

/** Whether a tag was made by {@link backupTag}: such a one is never an image to select. */
export function isBackupTag(tag: string): boolean {
  return BACKUP.test(tag);
}
