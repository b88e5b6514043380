import { artifactTypeOf, type Descriptor, type Digest, type ManifestContent } from '../../model/index.ts';
import { leftBecause, type CarryRules, type LeftBecause } from './carried.ts';
import type { Attachment, TaggedManifest } from './graph.ts';
import type { Seen, TaggedFound } from './walk.ts';

/** What of the things seen belongs to the image. */
export interface Assembled {
  readonly manifests: readonly ManifestContent[];
  readonly tagged: readonly TaggedManifest[];
  readonly attachments: readonly Attachment[];
  /** Children that an index lists and that are not there. */
  readonly absent: readonly Digest[];
}

/** Where to begin, and which rules hold. */
export interface AssembleRequest {
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
export function assemble({ seen, root, original, dropped, rules }: AssembleRequest): Assembled {
  const manifests: ManifestContent[] = [];
  const tagged: TaggedManifest[] = [];
  const attachments: Attachment[] = [];
  const absent: Digest[] = [];
  const placed = new Set<Digest>(dropped);

  /** Puts a manifest after its children. */
  const place = (digest: Digest): void => {
    if (placed.has(digest)) return;
    placed.add(digest);
    const content = seen.contents.get(digest);
    if (content === undefined) {
      absent.push(digest);
      return;
    }
    for (const child of content.manifest.manifests) place(child.digest);
    manifests.push(content);
  };

  const refer = (of: Digest, entry: Descriptor): void => {
    if (placed.has(entry.digest)) return; // it is copied as a part of the image, or was met already
    const { artifactType, left } = judge(of, entry);
    attachments.push({ of, digest: entry.digest, artifactType, ...(left && { left }) });
    if (left === undefined) place(entry.digest);
  };

  const judge = (
    of: Digest,
    { digest, artifactType: listed = '' }: Descriptor,
  ): Pick<Attachment, 'artifactType' | 'left'> => {
    const rebuilt = of !== root && of === original;
    const content = seen.contents.get(digest);
    const artifactType = content ? (artifactTypeOf(content.manifest) ?? '') : listed;
    const left = leftBecause(artifactType, rules) ?? (rebuilt ? 'IndexRebuilt' : fault(of, content));
    return { artifactType, ...(left && { left }) };
  };

  /** What lies under a tag, and then what signs that. */
  const attach = (of: Digest, { tag, artifactType, content }: TaggedFound): void => {
    const left =
      leftBecause(artifactType, rules) ?? (of !== root && of === original ? 'IndexRebuilt' : hollow(content));
    const digest = content && { digest: content.manifest.digest };
    attachments.push({ of, artifactType, tag, ...digest, ...(left && { left }) });
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
