// A process that is a registry of images with one layer of 1 GiB each, all zeros: it sends them without having them.
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { startRegistry, type Intercept } from '../../test/support/registry/index.ts';
import { pushBlob, pushManifest, type Target } from '../../test/support/registry/push.ts';
import { pushLegacySignature } from '../../test/support/signed-images.ts';
import { signingKey } from '../../test/support/signing.ts';

/** What the parent asks for: signed images in repositories of these names, each with the tag `v1`. */
export interface World {
  readonly names: readonly string[];
  readonly layerBytes: number;
}

/** What it has then. */
export interface Ready {
  readonly host: string;
  /** The digest of the layer that all images have. */
  readonly layer: string;
  /** The public key of the signatures. */
  readonly pem: string;
}

const zeros = Buffer.alloc(1024 * 1024);

function digestOfZeros(bytes: number): string {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= zeros.byteLength) hash.update(zeros.subarray(0, left));
  return `sha256:${hash.digest('hex')}`;
}

/** Writes so many zeros, no faster than the other side reads. */
function send(socket: Socket, bytes: number): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0 && !socket.destroyed) {
      const piece = zeros.subarray(0, left);
      left -= piece.byteLength;
      if (!socket.write(piece)) {
        socket.once('drain', more);
        return;
      }
    }
    socket.end();
  };
  more();
}

/** What a request of a registry is about. */
function kindOf(path: string): string {
  const [, part = '', what = ''] = /\/(manifests|blobs|referrers|tags)\/([^/?]+)/.exec(path) ?? [];
  if (part !== 'manifests') return part || 'ping';
  if (what.startsWith('sha256:')) return 'manifest by digest';
  return what.startsWith('sha256-') ? 'tag of signatures' : 'tag';
}

async function prepare({ names, layerBytes }: World): Promise<Ready> {
  const layer = digestOfZeros(layerBytes);
  const key = signingKey();
  const sendLayer: Intercept = ({ url, method }) =>
    method !== 'GET' || !url.pathname.endsWith(`/blobs/${layer}`)
      ? undefined
      : {
          raw: (socket) => {
            socket.write(
              `HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: ${layerBytes}\r\nconnection: close\r\n\r\n`,
            );
            send(socket, layerBytes);
          },
        };
  const registry = await startRegistry({ intercept: sendLayer });
  process.on('message', (message) => {
    if (message !== 'count') return;
    const kinds: Record<string, number> = {};
    for (const { method, path } of registry.requests) {
      const kind = `${method} ${kindOf(path)}`;
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
    process.send?.(kinds);
    registry.forgetLog();
  });
  for (const name of names) {
    const target: Target = { registry: registry.host, repository: name, tag: 'v1' };
    const config = await pushBlob(target, {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      bytes: JSON.stringify({ os: 'linux', architecture: 'amd64', author: name }),
    });
    const mediaType = 'application/vnd.oci.image.layer.v1.tar';
    const layers = [{ mediaType, digest: layer, size: layerBytes }];
    const manifest = {
      ...{ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
      ...{ config, layers },
    };
    await pushLegacySignature(target, await pushManifest(target, manifest), key);
  }
  registry.forgetLog();
  return { host: registry.host, layer, pem: key.pem };
}

process.once('message', (world: World) => {
  void prepare(world).then((ready) => process.send?.(ready));
});
