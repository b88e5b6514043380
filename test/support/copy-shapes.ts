// The images that copies are measured with, pushed through plain HTTP to any registry. Layers are random by a seed, so that
// nothing is shared that should not be.
import { createHash } from 'node:crypto';
import {
  pushBlob,
  pushImage,
  pushIndex,
  pushManifest,
  pushReferrer,
  pushTag,
  type Pushed,
  type Target,
} from './registry/push.ts';

/** Which image: one platform with five layers, an index of four with three each, that with all kinds of attachments, or one layer. */
export type Shape = 'image' | 'index' | 'attached' | 'large';

/** What a copy of a shape cannot do without, of a repository that is new: manifests, distinct blobs, referrers listings. */
export const SHAPES: Readonly<
  Record<Shape, { readonly manifests: number; readonly blobs: number; readonly listings: number }>
> = {
  image: { manifests: 1, blobs: 6, listings: 1 },
  index: { manifests: 5, blobs: 16, listings: 5 },
  attached: { manifests: 9, blobs: 16 + 4 + 2 + 1, listings: 7 },
  large: { manifests: 1, blobs: 2, listings: 1 },
};

const PLATFORMS = ['amd64', 'arm64', 's390x', 'ppc64le'];

/** Pushes a shape under the target's tag; `bytes` is the size of a layer, and `salt` makes all of it new. */
export async function pushShape(
  target: Target & { readonly tag: string },
  shape: Shape,
  { bytes, salt = '' }: { readonly bytes: number; readonly salt?: string },
): Promise<Pushed> {
  const { tag, ...place } = target;
  const image = (name: string, layers: number, architecture = 'amd64') =>
    pushImage(place, {
      salt: `${salt} ${name}`,
      platform: { os: 'linux', architecture },
      layers: Array.from({ length: layers }, (_, n) => layer(`${salt} ${name} ${n}`, bytes)),
    });
  if (shape === 'image' || shape === 'large') {
    const pushed = await image('one', shape === 'large' ? 1 : 5);
    await pushTag(place, tag, pushed);
    return pushed;
  }
  const manifests = [];
  for (const architecture of PLATFORMS) {
    manifests.push({
      ...(await image(architecture, 3, architecture)),
      platform: { os: 'linux', architecture },
    });
  }
  const index = await pushIndex(place, { manifests });
  await pushTag(place, tag, index);
  if (shape === 'attached') await attach(place, index);
  return index;
}

function layer(seed: string, bytes: number) {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar';
  const block = createHash('sha512').update(seed).digest();
  const content = Buffer.alloc(bytes, block);
  content.write(seed); // no two layers are the same, however small
  return { mediaType, bytes: content };
}

async function attach(place: Target, subject: Pushed): Promise<void> {
  for (const artifactType of ['application/spdx+json', 'application/vnd.example.report+json']) {
    await pushReferrer(place, {
      subject,
      artifactType,
      blobs: [{ mediaType: artifactType, bytes: `{"about":"${artifactType}"}` }],
    });
  }
  for (const kind of ['sig', 'att']) {
    const mediaType = 'application/vnd.dev.cosign.simplesigning.v1+json';
    const annotations = { 'dev.cosignproject.cosign/signature': kind };
    const layers = [
      await pushBlob(place, { mediaType, bytes: `{"${kind}":"${subject.digest}"}`, annotations }),
    ];
    const config = await pushBlob(place, {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      bytes: `{"rootfs":{"type":"layers","diff_ids":["${layers[0]?.digest ?? ''}"]}}`,
    });
    const tag = `${subject.digest.replace(':', '-')}.${kind}`;
    await pushManifest(
      { ...place, tag },
      { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers },
    );
  }
}
