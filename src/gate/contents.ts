import { LRUCache } from 'lru-cache';
import { nameOf, type Descriptor, type Digest, type ImageRef, type Manifest } from '../core/model/index.ts';

/** How a manifest leads to other content: a child of an index, a config or layer, the image that a statement is about, or a tag of its own. */
export type Role = 'child' | 'part' | 'evidence' | 'tag';

/** A manifest that lists some content, and as what. */
export interface Listed {
  readonly by: Digest;
  readonly role: Role;
  readonly descriptor: Pick<Descriptor, 'digest' | 'size' | 'mediaType'>;
}

/** What lists what: facts about content by digest, which no caller owns and no verdict rests on alone. */
export interface Contents {
  /** Notes all that a manifest lists. */
  readonly learn: (repository: ImageRef, manifest: Manifest) => void;
  /** Notes that a manifest is evidence about an image. */
  readonly learnEvidence: (repository: ImageRef, manifest: Manifest, about: Digest) => void;
  /** Notes that a tag has led to a manifest: it is an image by itself, whatever else lists it. */
  readonly learnTag: (repository: ImageRef, manifest: Manifest) => void;
  /** The manifests that list this digest, the last that was noted first. */
  readonly listings: (repository: ImageRef, digest: Digest) => readonly Listed[];
}

/** Digests of which it is remembered what lists them: some thousand images, and some 20 MB. */
const MAX_DIGESTS = 50_000;
/** Manifests that are remembered for one digest: base layers lie in many images, and any one that is admitted is enough. */
const MAX_LISTINGS = 16;

/** Makes a memory of what lists what. */
export function createContents(): Contents {
  const known = new LRUCache<string, readonly Listed[]>({ max: MAX_DIGESTS });
  const note = (repository: ImageRef, listing: Listed): void => {
    const key = `${nameOf(repository)} ${listing.descriptor.digest}`;
    const others = (known.get(key) ?? []).filter(
      ({ by, role }) => by !== listing.by || role !== listing.role,
    );
    known.set(key, [listing, ...others].slice(0, MAX_LISTINGS));
  };
  return {
    learn: (repository, { digest: by, config, layers, manifests }) => {
      for (const descriptor of manifests) note(repository, { by, role: 'child', descriptor });
      for (const descriptor of config ? [config, ...layers] : layers)
        note(repository, { by, role: 'part', descriptor });
    },
    learnEvidence: (repository, { digest, size, mediaType }, about) => {
      note(repository, { by: about, role: 'evidence', descriptor: { digest, size, mediaType } });
    },
    learnTag: (repository, { digest, size, mediaType }) => {
      note(repository, { by: digest, role: 'tag', descriptor: { digest, size, mediaType } });
    },
    listings: (repository, digest) => known.get(`${nameOf(repository)} ${digest}`) ?? [],
  };
}
