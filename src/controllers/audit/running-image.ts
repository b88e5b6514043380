import {
  isPinned,
  nameOf,
  parseDigest,
  parseReference,
  pin,
  type ImageRef,
  type PinnedRef,
  type Reason,
} from '../../core/model/index.ts';
import type { RunningContainer } from './running-pods.ts';

/** What is known of the image that a container runs. */
export type RunningImage =
  /** It runs exactly this digest. `use` is the reference as the spec names it. */
  | {
      readonly state: 'known';
      readonly use: ImageRef;
      readonly image: PinnedRef;
      /** The name under which the node pulled it, where that is another one: a mirror, or equal content. */
      readonly pulledAs?: string;
    }
  /** The node has not said yet; it will. */
  | { readonly state: 'waiting' }
  /** It runs, but the digest is unknown. */
  | { readonly state: 'unclear'; readonly use: ImageRef; readonly reason: Reason }
  /** The spec's reference cannot be read. */
  | { readonly state: 'unreadable'; readonly text: string };

/** `docker-pullable://repo@sha256:…` and `docker://sha256:…` were written by dockershim. */
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//;

/**
 * Which image a container runs. A digest in the spec is what the node runs. Otherwise the name comes from the spec, because
 * policies use that name, and the digest comes from the node. For a mirror the name in the spec counts, too: the node checked
 * that the bytes match the digest, and signatures and dates are stored under that name. A tag is not resolved now: what it
 * points to today need not be what runs.
 */
export function runningImage({
  image,
  imageID,
  role,
}: Pick<RunningContainer, 'image' | 'imageID' | 'role'>): RunningImage {
  const use = parseReference(image);
  if (!use.ok) return { state: 'unreadable', text: image };
  if (isPinned(use.value)) return { state: 'known', use: use.value, image: use.value };
  if (role === 'volume') return unclear(use.value, 'no node reports the digest of an image volume');
  if (imageID === '') return { state: 'waiting' };
  const id = imageID.replace(SCHEME, '');
  const at = id.lastIndexOf('@');
  const digest = at < 0 ? undefined : parseDigest(id.slice(at + 1));
  if (digest !== undefined) return known(use.value, pin(use.value, digest), id.slice(0, at));
  const why =
    parseDigest(id) === undefined
      ? 'the node reports an image ID that holds no digest'
      : 'the node reports the digest of the configuration only, as for an image that was loaded and not pulled';
  return unclear(use.value, why);
}

function known(use: ImageRef, image: PinnedRef, from: string): RunningImage {
  const pulled = parseReference(from);
  const pulledAs = pulled.ok ? nameOf(pulled.value) : from;
  return { state: 'known', use, image, ...(pulledAs !== nameOf(use) && { pulledAs }) };
}

function unclear(use: ImageRef, why: string): RunningImage {
  const detail = `which digest runs is not known: ${why}; name the image by digest`;
  return { state: 'unclear', use, reason: { code: 'UnreadableEvidence', detail } };
}
