import { readFile } from 'node:fs/promises';
import { digestOf } from '../../../../src/core/model/index.ts';
import { pushBlob, pushManifest, type Pushed, type Target } from '../../../support/registry/push.ts';
import { tarOf } from '../../../support/tar.ts';
import { requirePrograms } from '../programs/ensure.ts';

/** An image that can be run: its files, path → program on this machine, and what it starts. */
export interface ProgramImage {
  readonly files: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly user?: string;
  /** Makes another image of the same program. */
  readonly label?: string;
}

/** Pushes an image of programs, as Kubernetes runs it. */
export async function pushProgramImage(target: Target, image: ProgramImage): Promise<Pushed> {
  const files = await Promise.all(
    Object.entries(image.files).map(async ([path, from]) => [path, await readFile(from)] as const),
  );
  const layer = tarOf(Object.fromEntries(files), { executable: true });
  const { entrypoint, user = '65535:65535', label = '' } = image;
  const config = {
    os: 'linux',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: { Entrypoint: entrypoint, User: user, Labels: { about: label } },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    history: [{ created_by: 'test' }],
  };
  return pushManifest(target, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: await pushBlob(target, {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      bytes: JSON.stringify(config),
    }),
    layers: [await pushBlob(target, { mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes: layer })],
  });
}

/** Pushes the image of the container that keeps the namespaces of a pod; returns its reference. */
export async function pushPause(registry: string): Promise<string> {
  await pushWaiting({ registry, repository: 'pause', tag: '1' }, 'pause');
  return `${registry}/pause:1`;
}

/** Pushes an image whose program waits until it is ended. */
export async function pushWaiting(target: Target, label: string): Promise<Pushed> {
  const { pause } = await requirePrograms(['pause']);
  return pushProgramImage(target, { files: { pause }, entrypoint: ['/pause'], label });
}
