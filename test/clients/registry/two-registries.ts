import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { digestOf, type Descriptor } from '../../../src/core/model/index.ts';
import type { RegistryOptions as ClientOptions } from '../../../src/clients/registry/index.ts';
import type { BlobArrival, TargetRegistry } from '../../../src/core/promotion/index.ts';
import {
  startRegistry,
  type EmbeddedRegistry,
  type RegistryOptions,
  type RegistryRequest,
} from '../../support/registry/index.ts';
import { pushBlob } from '../../support/registry/push.ts';
import { client, closeClients, patient, tagged } from './client.ts';

/** Source and target of blobs in the tests of writes. */
export interface TwoRegistries {
  readonly source: EmbeddedRegistry;
  readonly target: EmbeddedRegistry;
  readonly bytes: Buffer;
  /** The descriptor of the bytes, which are in `shop/web` of the source. */
  readonly blob: Descriptor;
}

const open: EmbeddedRegistry[] = [];

/** Starts a registry that is closed by {@link closeRegistries}. */
export async function openRegistry(options: RegistryOptions = {}): Promise<EmbeddedRegistry> {
  const registry = await startRegistry(options);
  open.push(registry);
  return registry;
}

/** Starts two registries with one blob of `size` bytes in the first; their logs are empty. */
export async function openRegistries(
  options: {
    readonly source?: RegistryOptions;
    readonly target?: RegistryOptions;
    readonly size?: number;
  } = {},
): Promise<TwoRegistries> {
  const [source, target] = [await openRegistry(options.source), await openRegistry(options.target)];
  const bytes = randomBytes(options.size ?? 100_000);
  await pushBlob({ registry: source.host, repository: 'shop/web' }, { mediaType: 'text/plain', bytes });
  source.forgetLog();
  return { source, target, bytes, blob: describing(bytes) };
}

/** Stops all registries started since the last time. */
export async function closeRegistries(): Promise<void> {
  await Promise.all(open.splice(0).map((one) => one.close()));
}

/** Registers a hook of mocha: after each test it closes all opened clients and registries. */
export function closeAfterEach(): void {
  afterEach(async () => {
    await closeClients();
    await closeRegistries();
  });
}

/** The descriptor of these bytes. */
export function describing(bytes: Uint8Array): Descriptor {
  return { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.byteLength, annotations: {} };
}

/** The transfer of the blob of the source, to `gold/web` of the target. */
export function transferOf(
  { source, target, blob }: Pick<TwoRegistries, 'source' | 'target' | 'blob'>,
  more: Partial<Parameters<TargetRegistry['transferBlob']>[0]> = {},
): Parameters<TargetRegistry['transferBlob']>[0] {
  return {
    blob,
    source: client(),
    from: tagged(source),
    to: tagged(target, '1.0', 'gold/web'),
    maybeThere: false,
    ...more,
  };
}

/** The requests of a registry, as `METHOD kind status`, in the order of their answers. */
export function log({ requests }: EmbeddedRegistry): string[] {
  return requests.map(({ method, path, status }) => `${method} ${kindOf(path)} ${String(status)}`);
}

function kindOf(path: string): string {
  if (path.includes('?mount=')) return 'mount';
  return /\/(blobs\/uploads|blobs|manifests|referrers|tags)\//.exec(path)?.[1]?.replace('blobs/', '') ?? path;
}

/** Size of a blob that {@link bring} sends in three chunks. */
export const SIZE = 100_000;

/** Which requests are meant, for misbehaviours. */
export const putting = ({ method }: RegistryRequest): boolean => method === 'PUT';
export const patching = ({ method }: RegistryRequest): boolean => method === 'PATCH';
export const posting = ({ method }: RegistryRequest): boolean => method === 'POST';
export const reading = ({ method, url }: RegistryRequest): boolean =>
  method === 'GET' && url.pathname.includes('/blobs/sha');

/** Copies the blob as it comes, like a large one, in chunks of 40,000 bytes if the registry uses chunks. */
export function bring(
  at: TwoRegistries,
  more: Partial<Parameters<TargetRegistry['transferBlob']>[0]> = {},
  options: Partial<ClientOptions> = {},
): Promise<BlobArrival> {
  return client({ chunkBytes: 40_000, provenBytes: 0, ...options }).transferBlob(
    transferOf(at, more),
    patient(),
  );
}

/** Fails unless the bytes are in the target. */
export async function expectThere({ target, blob, bytes }: TwoRegistries): Promise<void> {
  target.intercept(undefined);
  const there = await client().blob(tagged(target, '1.0', 'gold/web'), blob, blob.size, patient());
  expect(Buffer.from(there ?? []).equals(bytes)).to.equal(true);
}
