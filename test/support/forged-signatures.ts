// Replaces every signature and statement at the target by forged ones that claim the same, as a user with push rights would.
import type { Pushed } from './registry/push.ts';
import { pushBlob, pushManifest } from './registry/push.ts';
import type { PromotionFixture } from './promotions/promotion-fixture.ts';
import { listReferrers, listTags } from './registry/listings.ts';

interface Body {
  readonly layers: readonly {
    readonly mediaType: string;
    readonly digest: string;
    readonly annotations?: object;
  }[];
}

/** Forges them in `golden/app`, deletes the image's tag, and returns their number. */
export async function forgeSignatures({ registry }: PromotionFixture, image: Pushed): Promise<number> {
  const place = { registry: registry.host, repository: 'golden/app' };
  const base = `${registry.url}/v2/golden/app`;
  const read = async (name: string) => (await (await fetch(`${base}/manifests/${name}`)).json()) as Body;
  const forge = async (body: Body): Promise<object> => {
    const layers = await Promise.all(
      body.layers.map(async ({ mediaType, digest, annotations = {} }) => {
        const text = await (await fetch(`${base}/blobs/${digest}`)).text();
        // The signature of an envelope, or that in the annotations, becomes one that no key made.
        const bytes = text.replace(/"sig":"[^"]{8}/, '"sig":"AAAAAAAA');
        const key = 'dev.cosignproject.cosign/signature';
        const signature = (annotations as Record<string, string>)[key];
        const altered = signature ? { ...annotations, [key]: `AAAAAAAA${signature.slice(8)}` } : annotations;
        return pushBlob(place, { mediaType, bytes, annotations: altered as Record<string, string> });
      }),
    );
    return { ...body, layers };
  };
  let forged = 0;
  for (const { digest, artifactType } of await listReferrers(place, image.digest)) {
    if (!artifactType?.includes('bundle')) continue;
    const altered = await forge(await read(digest));
    await fetch(`${base}/manifests/${digest}`, { method: 'DELETE' });
    await pushManifest(place, altered as Record<string, unknown>);
    forged += 1;
  }
  for (const tag of (await listTags(place)).filter((one) => /\.(?:sig|att)$/.test(one))) {
    await pushManifest({ ...place, tag }, (await forge(await read(tag))) as Record<string, unknown>);
    forged += 1;
  }
  await fetch(`${base}/manifests/1.4.0`, { method: 'DELETE' });
  return forged;
}
