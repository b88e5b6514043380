import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../../src/core/model/index.ts';
import { policyDocument } from '../../support/policies.ts';
import { pushBlob, pushImage, pushManifest, type Pushed } from '../../support/registry/push.ts';
import { pushBundleSignature, pushLegacySignature } from '../../support/signed-images.ts';
import { signingKey, type SigningKey } from '../../support/signing.ts';
import { tarOf } from '../../support/tar.ts';
import { freePort } from './programs/ports.ts';
import { startProcess } from './programs/process.ts';
import { PRODUCT } from './programs/product.ts';
import { openWorkspace, type Workspace } from './programs/workspace.ts';
import { startOlareg, type Registry } from './promotions/registries.ts';

/** By this name clients ask for the images of the registry; no path can have its port. */
export const NAME = 'registry.example.com';
/** Images that the gate refuses, and why. */
export const REFUSED = [
  ['unsigned', 'Unsigned'],
  ['flagged', 'Quarantined'],
] as const;
/** The images, all with the tag `1.0`. */
export type ImageName = 'signed' | (typeof REFUSED)[number][0];

/** A registry with images and a chart, and in front of it the gate as users start it. */
export interface GatedRegistry {
  readonly workspace: Workspace;
  readonly registry: Registry;
  /** Host and port. */
  readonly gate: string;
  readonly signer: SigningKey;
  /** File with the public key of the signatures. */
  readonly key: string;
  /** The name of an image with the host of the gate. */
  image(name: ImageName): string;
  /** SIGTERM, as a pod is ended; the exit code. */
  stopGate(): Promise<number>;
  stop(): Promise<void>;
}

const HELM_CONFIG = 'application/vnd.cncf.helm.config.v1+json';
const HELM_CHART = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

/** Starts a registry, fills it with `shop/signed`, `shop/unsigned`, `shop/flagged` and the charts `charts/web`, signed, and `charts/unsigned`, and starts the gate. */
export async function openGatedRegistry(
  start: () => Promise<Registry> = startOlareg,
): Promise<GatedRegistry> {
  const workspace = await openWorkspace('gate');
  const registry = await start();
  const key = signingKey();
  const folder = join(workspace.folder, 'policies');
  await mkdir(folder);
  const policy = policyDocument({
    authorities: [{ name: 'release', key: { pem: key.pem } }],
    require: { signatures: { from: ['release'] }, quarantine: {} },
  });
  await writeFile(join(folder, 'policy.yaml'), JSON.stringify(policy));
  await writeFile(join(workspace.folder, 'release.pub'), key.pem);
  await pushImages(registry.host, key);
  await pushBundleSignature(
    { registry: registry.host, repository: 'charts/web' },
    await pushChart(registry.host, 'web'),
    key,
  );
  await pushChart(registry.host, 'unsigned');
  const gate = `127.0.0.1:${String(await freePort())}`;
  const upstreams = [{ match: [`${NAME}/**`], registry: registry.host }];
  const settings = join(workspace.folder, 'settings.yaml');
  await writeFile(settings, JSON.stringify({ gate: { listen: gate, upstreams } }));
  const running = await startProcess({
    ...{ workspace, name: 'gate', command: process.execPath },
    args: [PRODUCT, 'gate', '--settings', settings, '--policies', folder],
    ready: async () => (await fetch(`http://${gate}/v2/`)).ok,
  });
  return {
    ...{ workspace, registry, gate, signer: key },
    stopGate: () => running.stop(),
    key: join(workspace.folder, 'release.pub'),
    image: (name) => `${gate}/${NAME}/shop/${name}:1.0`,
    stop: async () => {
      await workspace.close();
      await registry.stop();
    },
  };
}

async function pushImages(registry: string, key: SigningKey): Promise<void> {
  const motd = tarOf({ 'etc/motd': 'ahoy' });
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes: motd };
  for (const name of ['signed', ...REFUSED.map(([refused]) => refused)]) {
    const target = { registry, repository: `shop/${name}`, tag: '1.0' };
    const annotations: Record<string, string> =
      name === 'flagged' ? { 'dev.pratique.quarantine': 'true' } : {};
    const diffIds = [digestOf(motd)];
    const pushed = await pushImage(target, { annotations, salt: name, layers: [layer], diffIds });
    if (name === 'unsigned') continue;
    await pushBundleSignature(target, pushed, key);
    await pushLegacySignature(target, pushed, key);
  }
}

async function pushChart(registry: string, name: string): Promise<Pushed> {
  const target = { registry, repository: `charts/${name}`, tag: '1.0.0' };
  const chart = { apiVersion: 'v2', name, version: '1.0.0' };
  const config = await pushBlob(target, { mediaType: HELM_CONFIG, bytes: JSON.stringify(chart) });
  const files = tarOf({ [`${name}/Chart.yaml`]: JSON.stringify(chart) });
  const content = await pushBlob(target, { mediaType: HELM_CHART, bytes: gzipSync(files) });
  return pushManifest(target, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: [content],
  });
}
