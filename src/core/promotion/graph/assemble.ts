import { artifactTypeOf, type Descriptor, type Digest, type ManifestContent } from '../../model/index.ts';
import { leftBecause, type CarryRules, type LeftBecause } from './carried.ts';
import type { Attachment, TaggedManifest } from './graph.ts';
import type { Seen, TaggedFound } from './walk.ts';

/** Where to begin, and which rules hold. */
interface AssembleRequest {
  readonly seen: Seen;
  readonly root: Digest;
  /** The digest of the image before its index was made smaller; equal to `root` when it was not. */
  readonly original: Digest;
  /** Children of the original that stay behind. */
  readonly dropped: readonly Digest[];
  readonly rules: CarryRules;
}

/**
 * Judges what was seen, in an order that does not depend on who answered first. A referrer is what names the manifest as its
 * subject itself: registries that take the tag `sha256-<hex>` for the digest list children, and listings may say anything.
 */
export function assemble({ seen, root, original, dropped, rules }: AssembleRequest) {
  const manifests: ManifestContent[] = [];
  const tagged: TaggedManifest[] = [];
  const attachments: Attachment[] = [];
  /** Children that an index lists and that are not there. */
  const absent: Digest[] = [];
  const placed = new Set<Digest>(dropped);
  const isRebuilt = (of: Digest): boolean => of !== root && of === original;

  /** Puts a manifest after its children. */
  const place = (digest: Digest): void => {
    if (placed.has(digest)) return;
    placed.add(digest);
    const content = seen.contents.get(digest);
    for (const child of content?.manifest.manifests ?? []) place(child.digest);
    if (content) manifests.push(content);
    else absent.push(digest);
  };

  const refer = (of: Digest, { digest, artifactType: listed = '' }: Descriptor): void => {
    if (placed.has(digest)) return; // it is copied as a part of the image, or was met already
    const content = seen.contents.get(digest);
    const artifactType = content ? (artifactTypeOf(content.manifest) ?? '') : listed;
    const left = leftBecause(artifactType, rules) ?? (isRebuilt(of) ? 'IndexRebuilt' : fault(of, content));
    attachments.push({ of, digest, artifactType, left });
    if (left === undefined) place(digest);
  };

  /** What lies under a tag, and then what signs that. */
  const attach = (of: Digest, { tag, artifactType, content }: TaggedFound): void => {
    const left = leftBecause(artifactType, rules) ?? (isRebuilt(of) ? 'IndexRebuilt' : hollow(content));
    attachments.push({ of, artifactType, tag, digest: content?.manifest.digest, left });
    if (left !== undefined || content === undefined) return;
    tagged.push({ of, tag, content });
    for (const next of seen.tagged.get(content.manifest.digest) ?? []) attach(content.manifest.digest, next);
  };

  place(root);
  const about = (of: Digest): void => {
    for (const entry of seen.listings.get(of) ?? []) refer(of, entry);
    for (const one of seen.tagged.get(of) ?? []) attach(of, one);
  };
  if (original !== root) about(original);
  for (const { manifest } of manifests) about(manifest.digest); // grows as referrers are placed, and they are asked, too
  return { manifests, tagged, attachments, absent };
}

function fault(of: Digest, content: ManifestContent | undefined): LeftBecause | undefined {
  if (content === undefined) return 'Gone';
  return content.manifest.subject?.digest === of ? undefined : 'NoReferrer';
}

/** Signatures are layers; an index under such a tag is something else. */
function hollow(content: ManifestContent | undefined): LeftBecause | undefined {
  return content === undefined || content.manifest.manifests.length > 0 ? 'NotMergeable' : undefined;
}
