import { MEDIA_TYPE, type Descriptor, type Digest } from '../../../../src/core/model/index.ts';
import type { RegistryTwin } from '../../../support/twins/registry.ts';
import type { Cell } from './cells.ts';
import type { SignedThing, Signers, Who } from './signed-things.ts';

/** The repository of the images, and the repository that a policy may name for signatures. */
export const IMAGES = 'registry.example.com/shop/web';
export const ELSEWHERE = 'signatures.example.com/acme/proofs';

/** Pushes the image of a cell, signed by the signer of the cell or by a stranger; returns what is judged. */
export async function pushSigned(
  registry: RegistryTwin,
  cell: Cell,
  who: Who,
  signers: Signers,
): Promise<string> {
  const put = async (digest: Digest, by: Who) => putAway(registry, cell, { digest, by, signers });
  const platforms = ['linux/amd64', 'linux/arm64'].map((platform) =>
    registry.push(IMAGES, { annotations: { platform } }),
  );
  const [first, second] = platforms as [Digest, Digest];
  const index = registry.push(IMAGES, { manifests: platforms.map(childOf) });
  switch (cell.about) {
    case 'image': {
      const image = registry.push(IMAGES, { annotations: { image: 'single' } });
      await put(image, who);
      return `${IMAGES}@${image}`;
    }
    case 'index':
      await put(index, who);
      return `${IMAGES}@${index}`;
    case 'every platform':
      // The last of them decides.
      for (const [digest, by] of [
        [index, 'good'],
        [first, 'good'],
        [second, who],
      ] as const)
        await put(digest, by);
      return `${IMAGES}@${index}`;
    case 'one platform':
      await put(second, who);
      return `${IMAGES}@${second}`;
  }
}

interface Given {
  readonly digest: Digest;
  readonly by: Who;
  readonly signers: Signers;
}

/** Signs a digest and stores the result in the place of the cell. */
async function putAway(registry: RegistryTwin, cell: Cell, { digest, by, signers }: Given): Promise<void> {
  const name = cell.where === 'elsewhere' ? ELSEWHERE : IMAGES;
  const thing = await signers.sign(cell, by, digest);
  if (cell.form === 'tag') {
    const tag = `${digest.replace(':', '-')}.${cell.says === 'signature' ? 'sig' : 'att'}`;
    registry.push(name, { tag, layers: [layerOf(registry, name, thing)] });
    return;
  }
  const entry = attach(registry, name, digest, thing);
  const { mediaType, size } = entry;
  const poor = { mediaType, digest: entry.digest, size, annotations: {} };
  switch (cell.listing) {
    case 'fallback tag':
      registry.list(name, digest, []);
      registry.listUnderTag(name, digest, [entry]);
      return;
    case 'API and fallback tag': {
      const other = attach(registry, name, digest, await signers.sign(cell, 'stranger', digest));
      registry.list(name, digest, [other]);
      registry.listUnderTag(name, digest, [entry]);
      return;
    }
    case 'no type':
      registry.list(name, digest, [poor]);
      return;
    case 'empty type':
      registry.list(name, digest, [{ ...poor, artifactType: MEDIA_TYPE.empty }]);
      return;
    default:
      registry.list(name, digest, [entry]);
  }
}

/** Pushes a referrer; answers its entry in a listing. */
function attach(registry: RegistryTwin, name: string, subject: Digest, thing: SignedThing): Descriptor {
  const { artifactType, hints: annotations } = thing;
  const layers = [layerOf(registry, name, thing)];
  const digest = registry.push(name, { subject, artifactType, annotations, layers });
  return { mediaType: MEDIA_TYPE.ociManifest, digest, size: 1, artifactType, annotations };
}

function layerOf(registry: RegistryTwin, name: string, thing: SignedThing): Descriptor {
  return registry.putBlob(name, thing.bytes, thing.mediaType, thing.annotations);
}

function childOf(digest: Digest): Descriptor {
  return { mediaType: MEDIA_TYPE.ociManifest, digest, size: 1, annotations: {} };
}
