// Reads real registries by plain HTTP, with the referrers API or without.
import type { ListedReferrer } from '../../../support/registry/listings.ts';
import type { Target } from '../../../support/registry/push.ts';

const ACCEPT =
  'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/json';

/** A manifest by tag or digest, unchanged, or nothing. */
export async function manifestAt(
  { registry, repository }: Target,
  name: string,
): Promise<string | undefined> {
  const answer = await fetch(`http://${registry}/v2/${repository}/manifests/${name}`, {
    headers: { accept: ACCEPT },
  });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`${repository} ${name} answered ${String(answer.status)}`);
  return answer.text();
}

/** The referrers of a digest, by the referrers API or otherwise by the fallback tag. */
export async function referrersAt(target: Target, digest: string): Promise<readonly ListedReferrer[]> {
  const { registry, repository } = target;
  const answer = await fetch(`http://${registry}/v2/${repository}/referrers/${digest}`);
  const text = answer.ok ? await answer.text() : await manifestAt(target, digest.replace(':', '-'));
  return text === undefined ? [] : (JSON.parse(text) as { manifests: readonly ListedReferrer[] }).manifests;
}

/** The first layer of a manifest, read as JSON. */
export async function layerOf(target: Target, name: string): Promise<unknown> {
  const { layers } = JSON.parse((await manifestAt(target, name)) ?? '{}') as { layers: { digest: string }[] };
  const { registry, repository } = target;
  return (await fetch(`http://${registry}/v2/${repository}/blobs/${layers[0]?.digest ?? ''}`)).json();
}

/** Deletes a manifest with its tags. */
export async function deleteManifest({ registry, repository }: Target, digest: string): Promise<void> {
  const url = `http://${registry}/v2/${repository}/manifests/${digest}`;
  const { status } = await fetch(url, { method: 'DELETE' });
  if (status !== 202) throw new Error(`DELETE ${url} answered ${String(status)}`);
}
