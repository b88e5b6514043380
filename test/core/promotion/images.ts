import {
  MEDIA_TYPE,
  parseReference,
  pin,
  type Descriptor,
  type Digest,
  type ImageRef,
  type ManifestContent,
  type PinnedRef,
} from '../../../src/core/model/index.ts';
import type { RegistriesTwin } from '../../support/twins/registries.ts';

/** Source and target of images in tests of promotion. */
export const SOURCE = 'registry.example.com/quarantine/web';
export const TARGET = 'golden.example.org/golden/web';

export const SIGNATURE = 'dev.cosignproject.cosign/signature';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** A deadline that no test reaches. */
export const soon = (): AbortSignal => AbortSignal.timeout(50_000);

/** A name as a reference without tag. */
export function repositoryOf(name: string): ImageRef {
  const parsed = parseReference(name);
  if (!parsed.ok) throw new Error(name);
  const { registry, repository } = parsed.value;
  return { registry, repository };
}

/** An image of a repository by its digest. */
export function pinned(name: string, digest: Digest): PinnedRef {
  return pin(repositoryOf(name), digest);
}

/** The descriptor of a manifest. */
export function describedBy({ manifest }: ManifestContent, more: Partial<Descriptor> = {}): Descriptor {
  const { mediaType, digest, size } = manifest;
  return { mediaType, digest, size, annotations: {}, ...more };
}

/** Pushes content to the source repository of a test. */
export function fill(twin: RegistriesTwin, name = SOURCE) {
  const image = (
    salt: string,
    {
      layers = [`layer of ${salt}`],
      tag,
      platform = 'linux/amd64',
      more: fields = {},
      ...more
    }: {
      layers?: readonly string[];
      /** Other fields of the config. */
      more?: Readonly<Record<string, unknown>>;
      tag?: string;
      platform?: string;
      subject?: Descriptor;
      annotations?: Readonly<Record<string, string>>;
    } = {},
  ): ManifestContent => {
    const [os, architecture, variant] = platform.split('/');
    const config = twin.putBlob(
      name,
      JSON.stringify({ os, architecture, variant, author: salt, ...fields }),
      CONFIG,
    );
    const blobs = layers.map((layer) => twin.putBlob(name, layer, LAYER));
    return twin.putManifest(
      name,
      { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: blobs, ...more },
      tag,
    );
  };
  const index = (
    manifests: readonly Descriptor[],
    {
      tag,
      ...more
    }: {
      tag?: string;
      subject?: Descriptor;
      annotations?: Readonly<Record<string, string>>;
      mediaType?: string;
    } = {},
  ): ManifestContent =>
    twin.putManifest(name, { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests, ...more }, tag);
  /** An index with one image for each of these platforms. */
  const platforms = (salt: string, names: readonly string[], tag?: string): ManifestContent =>
    index(
      names.map((platform) => {
        const [os = '', architecture = '', variant] = platform.split('/');
        return describedBy(image(`${salt} ${platform}`, { platform }), {
          platform: { os, architecture, ...(variant && { variant }) },
        });
      }),
      tag === undefined ? {} : { tag },
    );
  const referrer = (
    subject: ManifestContent,
    artifactType: string,
    {
      text = `about ${subject.manifest.digest}`,
      tag,
      annotations,
    }: { text?: string; tag?: string; annotations?: Readonly<Record<string, string>> } = {},
  ): ManifestContent => {
    const config = twin.putBlob(name, '{}', MEDIA_TYPE.empty);
    const layers = [twin.putBlob(name, text, 'application/json')];
    const body = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      artifactType,
      config,
      layers,
      subject: describedBy(subject),
    };
    return twin.putManifest(name, { ...body, ...(annotations && { annotations }) }, tag);
  };
  /** What cosign 2 keeps under a tag: one layer for each text, signed as that text. */
  const cosign = (
    subject: Digest,
    kind: 'sig' | 'att' | 'sbom',
    texts: readonly string[],
  ): ManifestContent => {
    const layers = texts.map((text) => ({
      ...twin.putBlob(name, `payload of ${subject}`, 'application/vnd.dev.cosign.simplesigning.v1+json'),
      annotations: { [SIGNATURE]: text },
    }));
    const diffIds = layers.map(({ digest }) => digest);
    const json = {
      architecture: '',
      os: '',
      history: layers.map(() => ({ created: '0001-01-01T00:00:00Z' })),
      rootfs: { type: 'layers', diff_ids: diffIds },
    };
    const config = twin.putBlob(name, JSON.stringify(json), CONFIG);
    const tag = `${subject.replace(':', '-')}.${kind}`;
    return twin.putManifest(
      name,
      { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers },
      tag,
    );
  };
  return { image, index, platforms, referrer, cosign };
}
