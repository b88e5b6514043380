import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createTrivy } from '../../../../src/clients/scanner/index.ts';
import type { Trivy } from '../../../../src/clients/scanner/trivy.ts';
import type { TrivyOptions } from '../../../../src/clients/scanner/trivy.ts';
import { digestOf } from '../../../../src/core/model/index.ts';
import { pushBlob, pushManifest, type Pushed, type Target } from '../../../support/registry/push.ts';
import { readReportHere } from '../../../support/promotions/scan-reports.ts';
import { tarOf } from '../../../support/tar.ts';
import { succeed } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';

/** The release of the system in test images, as advisories name it: one for which Trivy knows no end of service life. */
const RELEASE = '3.99';

/** What is known about a package of Alpine. */
export interface Advisory {
  readonly package: string;
  readonly id: string;
  readonly severity: 'UNKNOWN' | 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL';
  readonly fixedVersion?: string;
}

/** Writes a Trivy database of our own into a cache folder. */
export async function writeDatabase(
  cacheDirectory: string,
  { updatedAt, advisories }: { readonly updatedAt: Date; readonly advisories: readonly Advisory[] },
): Promise<void> {
  const { trivydb } = await requirePrograms(['trivydb']);
  const rows = advisories.map((one) => ({
    ...one,
    platform: `alpine ${RELEASE}`,
    title: `about ${one.package}`,
  }));
  await succeed({
    command: trivydb,
    args: [cacheDirectory],
    input: JSON.stringify({ updatedAt, advisories: rows }),
  });
}

/** Pushes the database of a cache folder as Trivy's own are published: an artifact with one layer. */
export async function pushDatabase(target: Target, cacheDirectory: string): Promise<void> {
  const read = (name: string) => readFile(join(cacheDirectory, 'db', name));
  const files = { 'trivy.db': await read('trivy.db'), 'metadata.json': await read('metadata.json') };
  await pushLayer(target, { name: 'db', files });
}

/** Pushes an empty database of Java libraries. */
export async function pushJavaDatabase(target: Target, updatedAt: Date): Promise<void> {
  const NextUpdate = new Date(updatedAt.getTime() + 86_400_000);
  const metadata = { Version: 1, UpdatedAt: updatedAt, NextUpdate, DownloadedAt: updatedAt };
  const files = { 'trivy-java.db': '', 'metadata.json': JSON.stringify(metadata) };
  await pushLayer(target, { name: 'javadb', files });
}

async function pushLayer(
  target: Target,
  { name, files }: { readonly name: string; readonly files: Readonly<Record<string, string | Uint8Array>> },
): Promise<void> {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const kind = 'application/vnd.aquasec.trivy';
  const layer = await pushBlob(target, {
    mediaType: `${kind}.${name}.layer.v1.tar+gzip`,
    bytes: gzipSync(tarOf(files)),
    annotations: { 'org.opencontainers.image.title': `${name}.tar.gz` },
  });
  const config = await pushBlob(target, { mediaType: `${kind}.config.v1+json`, bytes: '{}' });
  await pushManifest(target, { schemaVersion: 2, mediaType, config, layers: [layer] });
}

/** What an image of {@link pushImageOf} is besides its files. */
interface ImageKind {
  readonly os?: string;
  readonly architecture?: string;
}

/** Pushes an image with these files in one layer, path → content; without files it has no layer. */
export async function pushImageOf(
  target: Target,
  files: Readonly<Record<string, string | Uint8Array>>,
  { os = 'linux', architecture = 'amd64' }: ImageKind = {},
): Promise<Pushed> {
  const layers = Object.keys(files).length > 0 ? [tarOf(files)] : [];
  const config = {
    os,
    architecture,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
    history: layers.map(() => ({ created_by: 'test' })),
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  return pushManifest(target, {
    schemaVersion: 2,
    mediaType,
    config: await pushBlob(target, {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      bytes: JSON.stringify(config),
    }),
    layers: await Promise.all(
      layers.map((bytes) => pushBlob(target, { mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes })),
    ),
  });
}

/** The files of an Alpine with these packages, name → version, and nothing that runs. */
export function alpineFiles(
  packages: Readonly<Record<string, string>>,
  version = `${RELEASE}.1`,
): Readonly<Record<string, string>> {
  const installed = Object.entries(packages).map(
    ([name, its]) => `P:${name}\nV:${its}\nA:x86_64\nS:1\nI:1\nT:${name}\no:${name}\nL:MIT\n\n`,
  );
  return {
    'etc/os-release': `ID=alpine\nVERSION_ID=${version}\nNAME="Alpine Linux"\n`,
    'etc/alpine-release': `${version}\n`,
    'lib/apk/db/installed': installed.join(''),
  };
}

/** Pushes an image of Alpine with these packages. */
export async function pushAlpine(
  target: Target,
  packages: Readonly<Record<string, string>>,
  architecture = 'amd64',
): Promise<Pushed> {
  return pushImageOf(target, alpineFiles(packages), { architecture });
}

/** A CycloneDX SBOM that lists these packages of Alpine. */
export function alpineSbom(packages: Readonly<Record<string, string>>): string {
  const trivy = (properties: Readonly<Record<string, string>>) =>
    Object.entries(properties).map(([name, value]) => ({ name: `aquasecurity:trivy:${name}`, value }));
  return JSON.stringify({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    components: [
      {
        type: 'operating-system',
        name: 'alpine',
        version: `${RELEASE}.1`,
        'bom-ref': 'os',
        properties: trivy({ Type: 'alpine', Class: 'os-pkgs' }),
      },
      ...Object.entries(packages).map(([name, version]) => {
        const purl = `pkg:apk/alpine/${name}@${version}?distro=${RELEASE}.1`;
        const properties = trivy({ PkgType: 'alpine', SrcName: name, SrcVersion: version });
        return { type: 'library', name, version, purl, 'bom-ref': purl, properties };
      }),
    ],
  });
}

/** The real Trivy, offline, on a database of ours. */
export async function openTrivy(more: Partial<TrivyOptions> = {}): Promise<Trivy> {
  const { trivy } = await requirePrograms(['trivy']);
  return createTrivy({
    command: trivy,
    offline: true,
    timeoutMs: 30_000,
    parallel: 2,
    environment: process.env,
    keychain: () => Promise.resolve(undefined),
    readReport: readReportHere,
    now: () => new Date(),
    ...more,
  });
}

/** The path of a Trivy database in a workspace. */
export function cacheIn(folder: string, name = 'trivy'): string {
  return join(folder, name);
}
