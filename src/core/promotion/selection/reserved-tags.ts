import { digestAlgorithm, digestHex, isTag, parsed, problem } from '../../model/index.ts';
import type { Digest, ImageRef, Parsed } from '../../model/index.ts';

/** The tag under which a repository lists which digests were seen first, and when. */
export const FIRST_SEEN_TAG = 'pratique-first-seen';

/** The tag under which a repository remembers what was mirrored into it, as other mirrors write it too. */
export const MIRROR_HISTORY_TAG = 'mirror-history';

/**
 * The fallback tag of referrers (OCI distribution specification 1.1), which has the first 64 digits of a sha512, and cosign's tags
 * beside it.
 */
const OF_DIGEST = /^(?:sha256-[a-f0-9]{64}|sha512-(?:[a-f0-9]{64}){1,2})(?:\.(?:sig|att|sbom))?$/;

/**
 * Whether a tag never names an image to promote: what belongs to a digest, our own books, our own backups. Only by the
 * exact shape: `sha256-tools` is an ordinary image.
 */
export function isReservedTag(tag: string): boolean {
  return namesNoImage(tag) || BACKUP.test(tag);
}

/** Whether what lies under a tag is no image: what belongs to a digest, and our own books. A backup is an image. */
export function namesNoImage(tag: string): boolean {
  return tag === MIRROR_HISTORY_TAG || tag === FIRST_SEEN_TAG || OF_DIGEST.test(tag);
}

/** The digest that a fallback tag is about, by its form; `undefined` for another tag. Of sha512 the tag has only a part. */
export function fallbackSubject(tag: string): string | undefined {
  return /^sha256-[a-f0-9]{64}$/.test(tag) ? tag.replace('-', ':') : undefined;
}

/** What is written around the tag in a template, and which form of the tag is meant. */
function partsOf(template = '{tag}'): Readonly<Record<'before' | 'what' | 'after', string>> {
  const [, before = '', what = '', after = ''] = /^(.*)\{(tag|version)\}(.*)$/.exec(template) ?? [];
  return { before, what, after };
}

/** The tag that an image of this tag gets at the target, or why it cannot be promoted under that. */
export function targetTagOf(template: string | undefined, tag: string): Parsed<string> {
  if (template === undefined) return parsed(tag);
  const { before, what, after } = partsOf(template);
  const at = `${before}${what === 'version' ? tag.replace(/^v(?=\d)/, '') : tag}${after}`;
  if (!isTag(at)) return problem('targetTag', `would make the tag longer than ${MAX_TAG} characters`);
  return isReservedTag(at)
    ? problem('targetTag', `would make it ${at}, which is a tag of signatures or records`)
    : parsed(at);
}

/** The tags of the source of which one at the target may have come. */
export function sourceTagsOf(template: string | undefined, at: string): readonly string[] {
  const { before, what, after } = partsOf(template);
  const isLong = at.length > before.length + after.length;
  if (!isLong || !at.startsWith(before) || !at.endsWith(after)) return [];
  const tag = at.slice(before.length, at.length - after.length);
  return what === 'version' && /^\d/.test(tag) ? [tag, `v${tag}`] : [tag];
}

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

/** What cosign keeps under tags of its own: signatures, attestations, SBOMs. */
export const COSIGN_KINDS = ['sig', 'att', 'sbom'] as const;

/** One of {@link COSIGN_KINDS}. */
export type CosignKind = (typeof COSIGN_KINDS)[number];

/** The tag under which cosign keeps artifacts of a kind about a digest. */
export function cosignTag({ registry, repository }: ImageRef, digest: Digest, kind: CosignKind) {
  return { registry, repository, tag: `${digestAlgorithm(digest)}-${digestHex(digest)}.${kind}` };
}
