// Indexes that are not built by accident, as trees: for tests of what a runtime would pick from them.
import { digestOf, type Digest } from '../../../src/core/model/index.ts';

/** A platform as an index or a config writes it. */
export interface WrittenPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
}

/** What an index writes about a child. */
export interface Entry {
  readonly platform?: WrittenPlatform;
  readonly annotations?: Readonly<Record<string, string>>;
  /** In place of the true one. */
  readonly mediaType?: string;
}

/** A child: an image by its name, with the platform of its config, or an index of its own. */
export type Child = Entry & (ImageChild | { readonly children: readonly Child[] });

interface ImageChild {
  readonly image: string;
  readonly config: WrittenPlatform;
}

/** An index, and whether it is refused. */
export interface Shape {
  readonly title: string;
  readonly children: readonly Child[];
  readonly isRefused?: true;
}

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
/** BuildKit's mark. */
export const MARK = { 'vnd.docker.reference.type': 'attestation-manifest' };

const linux = (architecture: string, variant?: string): WrittenPlatform => ({
  os: 'linux',
  architecture,
  ...(variant !== undefined && { variant }),
});
const AMD64 = linux('amd64');
const ARM64 = linux('arm64');
const NOWHERE = { os: 'unknown', architecture: 'unknown' };
const WINDOWS = (version: string): WrittenPlatform => ({
  os: 'windows',
  architecture: 'amd64',
  'os.version': version,
});
const image = (name: string, config: WrittenPlatform, entry: Entry = { platform: config }): Child => ({
  image: name,
  config,
  ...entry,
});
const clean = image('clean', linux('s390x'));

/** Odd indexes; what is called `evil` must be listed wherever the index is not refused. */
export const ODD_INDEXES: readonly Shape[] = [
  {
    title: 'a marked child without a platform',
    children: [clean, image('evil', AMD64, { annotations: MARK })],
  },
  {
    title: 'a marked child with a platform',
    children: [clean, image('evil', AMD64, { platform: AMD64, annotations: MARK })],
  },
  { title: 'a child without a platform and without a mark', children: [clean, image('evil', AMD64, {})] },
  {
    title: 'a marked child with an unknown architecture only',
    children: [
      clean,
      image('evil', AMD64, { platform: { os: 'linux', architecture: 'unknown' }, annotations: MARK }),
    ],
  },
  {
    title: 'a platform in capital letters',
    children: [clean, image('evil', AMD64, { platform: { os: 'Linux', architecture: 'AMD64' } })],
  },
  {
    title: 'a platform by another name of its architecture',
    children: [clean, image('evil', AMD64, { platform: linux('x86_64'), annotations: MARK })],
  },
  {
    title: 'a platform whose operating system is empty',
    children: [
      clean,
      image('evil', AMD64, { platform: { os: '', architecture: 'amd64' }, annotations: MARK }),
    ],
  },
  { title: 'an image in a nested index', children: [clean, { children: [image('evil', AMD64)] }] },
  {
    title: 'an image without a platform four indexes down',
    children: [clean, { children: [{ children: [{ children: [image('evil', ARM64, {})] }] }] }],
  },
  {
    title: 'a marked nested index',
    children: [clean, { children: [image('evil', AMD64)], annotations: MARK }],
  },
  {
    title: 'a marked nested index that runs nowhere',
    children: [clean, { children: [image('evil', AMD64, {})], annotations: MARK, platform: NOWHERE }],
  },
  {
    title: 'a nested index with a platform, and an image without one in it',
    children: [clean, { children: [image('evil', AMD64, {})], platform: AMD64 }],
  },
  { title: 'two images of one platform', children: [image('clean', AMD64), image('evil', AMD64)] },
  {
    title: 'two images of one platform, one of them compressed otherwise',
    children: [
      image('clean', AMD64),
      image('evil', AMD64, {
        platform: AMD64,
        annotations: { 'io.github.containers.compression.zstd': 'true' },
      }),
    ],
  },
  {
    title: 'variants of arm',
    children: [
      image('clean', linux('arm', 'v7')),
      image('evil', linux('arm', 'v6')),
      image('evil 5', linux('arm', 'v5')),
    ],
  },
  { title: 'a variant of arm64', children: [clean, image('evil', linux('arm64', 'v8'))] },
  { title: '386 in place of amd64', children: [clean, image('evil', linux('386'))] },
  { title: '32-bit arm in place of arm64', children: [clean, image('evil', linux('arm', 'v7'))] },
  {
    title: 'Windows of two versions',
    children: [image('clean', WINDOWS('10.0.17763.1')), image('evil', WINDOWS('10.0.20348.1'))],
  },
  {
    title: 'a platform with empty lists',
    children: [clean, image('evil', AMD64, { platform: { ...AMD64, 'os.features': [] } })],
  },
  {
    title: 'an entry for another platform than its config',
    children: [clean, image('evil', AMD64, { platform: ARM64 })],
  },
  { title: 'the same image twice', children: [image('evil', AMD64), image('evil', AMD64, {})] },
  {
    title: 'statements as BuildKit writes them',
    children: [image('evil', AMD64), image('statements', NOWHERE, { platform: NOWHERE, annotations: MARK })],
  },
  {
    title: 'a child without a mark that runs nowhere, whatever its config says',
    children: [
      image('evil', AMD64),
      image('unmarked', NOWHERE),
      image('disguised', AMD64, { platform: NOWHERE }),
    ],
  },
  {
    title: 'one platform in two spellings',
    children: [image('clean', AMD64), image('evil', AMD64, { platform: linux('amd64', 'v1') })],
    isRefused: true,
  },
  {
    title: 'arm64 with and without its variant',
    children: [image('clean', ARM64), image('evil', ARM64, { platform: linux('arm64', 'v8') })],
    isRefused: true,
  },
  {
    title: 'an image that is listed as an index',
    children: [clean, image('evil', AMD64, { platform: AMD64, mediaType: OCI_INDEX })],
    isRefused: true,
  },
  {
    title: 'an index that is listed as an image',
    children: [clean, { children: [image('evil', AMD64)], platform: AMD64, mediaType: OCI_MANIFEST }],
    isRefused: true,
  },
  {
    title: 'a child of no media type that is known',
    children: [
      clean,
      image('evil', AMD64, { platform: AMD64, mediaType: 'application/vnd.oci.image.manifest.v2+json' }),
    ],
    isRefused: true,
  },
  {
    title: 'a marked child of an unknown media type that runs nowhere',
    children: [
      clean,
      image('evil', AMD64, { platform: NOWHERE, annotations: MARK, mediaType: 'text/plain' }),
    ],
    isRefused: true,
  },
  {
    title: 'an image of schema 1',
    children: [
      clean,
      image('evil', AMD64, {
        platform: AMD64,
        mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
      }),
    ],
    isRefused: true,
  },
];

/** A manifest or index to push, after what it needs. */
export interface BuiltManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** An index with everything below it. */
export interface BuiltIndex {
  readonly root: Digest;
  /** Children before what lists them. */
  readonly manifests: readonly BuiltManifest[];
  readonly blobs: readonly Uint8Array[];
  /** Digests of the images, by their names. */
  readonly images: ReadonlyMap<string, Digest>;
  /** Names of the images, by the digests of their configs. */
  readonly byConfig: ReadonlyMap<Digest, string>;
}

/** Builds a tree as bytes; `layer` = the one layer of an image, by its name. */
export function buildIndex(
  children: readonly Child[],
  layer: (image: string) => Uint8Array = encode,
): BuiltIndex {
  const manifests = new Map<Digest, BuiltManifest>();
  const blobs: Uint8Array[] = [];
  const images = new Map<string, Digest>();
  const byConfig = new Map<Digest, string>();

  const store = (body: object, mediaType: string): BuiltManifest => {
    const bytes = encode(body);
    const built = { digest: digestOf(bytes), mediaType, bytes };
    manifests.set(built.digest, built);
    return built;
  };
  const blob = (bytes: Uint8Array, mediaType: string) => {
    blobs.push(bytes);
    return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  };
  const storeImage = ({ image: name, config }: ImageChild): BuiltManifest => {
    const bytes = layer(name);
    const rootfs = { type: 'layers', diff_ids: [digestOf(bytes)] };
    const described = blob(encode({ ...config, rootfs, author: name }), OCI_CONFIG);
    const body = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: described,
      layers: [blob(bytes, OCI_LAYER)],
    };
    const built = store(body, OCI_MANIFEST);
    images.set(name, built.digest);
    byConfig.set(described.digest, name);
    return built;
  };
  const storeIndex = (listed: readonly Child[]): BuiltManifest =>
    store({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: listed.map(entryOf) }, OCI_INDEX);
  const entryOf = (child: Child): object => {
    const { digest, bytes, mediaType } = 'image' in child ? storeImage(child) : storeIndex(child.children);
    const { annotations, platform } = child;
    return {
      mediaType: child.mediaType ?? mediaType,
      digest,
      size: bytes.byteLength,
      ...(annotations && { annotations }),
      ...(platform && { platform }),
    };
  };
  const { digest: root } = storeIndex(children);
  return { root, manifests: [...manifests.values()], blobs, images, byConfig };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
