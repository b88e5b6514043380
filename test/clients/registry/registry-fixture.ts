import { digestOf } from '../../../src/core/model/index.ts';
import {
  startRegistry,
  type EmbeddedRegistry,
  type RegistryOptions,
  type Reply,
} from '../../support/registry/index.ts';
import { pushImage, type Pushed, type Target } from '../../support/registry/push.ts';
import { client, patient, pinned } from './client.ts';

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** An artifact type that nothing else uses. */
export const NOTE = 'application/vnd.example.note';

const open: EmbeddedRegistry[] = [];

/** Starts a registry with one image in `shop/web`; stopped by {@link closeRegistries}. */
export async function start(
  options: RegistryOptions = {},
): Promise<{ registry: EmbeddedRegistry; image: Pushed }> {
  const registry = await startRegistry(options);
  open.push(registry);
  const image = await pushImage({ ...target(registry), tag: '1.0' });
  return { registry, image };
}

/** Stops all registries started since the last time. */
export async function closeRegistries(): Promise<void> {
  await Promise.all(open.splice(0).map((one) => one.close()));
}

/** Where the image is. */
export function target({ host }: EmbeddedRegistry): Target {
  return { registry: host, repository: 'shop/web' };
}

/** A sound entry of a listing. */
export function entry(n: number): Record<string, unknown> {
  return { mediaType: OCI_MANIFEST, digest: digestOf(String(n)), size: 1, artifactType: NOTE };
}

/** A page of a listing. */
export function page(manifests: unknown, headers: Record<string, string> = {}): Reply {
  return {
    status: 200,
    headers: { 'content-type': OCI_INDEX, ...headers },
    body: JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }),
  };
}

/** The digests that a new client lists. */
export async function list(registry: EmbeddedRegistry, digest: string): Promise<string[]> {
  const found = await client().referrers(pinned(registry, digest), patient());
  return found.map((one) => one.digest);
}
