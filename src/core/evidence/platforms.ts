import { isIndexType, isManifestType } from '../model/index.ts';
import type { Descriptor, Manifest, Platform, Reason } from '../model/index.ts';

/** Annotation by which BuildKit marks a child of an index that carries statements, and which platform these are about. */
const KIND = 'vnd.docker.reference.type';
const SUBJECT = 'vnd.docker.reference.digest';
const STATEMENTS = 'attestation-manifest';
/** What BuildKit writes for the operating system and for the architecture of its statements. No node has either. */
const NOWHERE = 'unknown';
const IN_TOTO = 'application/vnd.in-toto+json';

/**
 * Whether a child of an index is no platform, but statements about one. The mark alone is a claim that anyone can write: runtimes do
 * not read it. They choose by platform, and for a child without one by its config (containerd), or whatever it is (CRI-O). So
 * only a marked image manifest whose platform no node can have counts as statements.
 */
export function isStatements({ annotations, platform, mediaType }: Descriptor): boolean {
  if (annotations[KIND] !== STATEMENTS || !isManifestType(mediaType) || isIndexType(mediaType)) return false;
  return platform?.os === NOWHERE && platform.architecture === NOWHERE;
}

/** The digest that marked statements name as what they are about; a claim. */
export function statementsSubject({ annotations }: Descriptor): string | undefined {
  return annotations[KIND] === STATEMENTS ? annotations[SUBJECT] : undefined;
}

/** Whether a manifest holds statements and nothing that a container could run. */
export function holdsOnlyStatements({ layers }: Pick<Manifest, 'layers'>): boolean {
  return layers.length > 0 && layers.every(({ mediaType }) => mediaType === IN_TOTO);
}

/** A platform for a person, e.g. `linux/arm64/v8`; empty where there is none. */
export function describePlatform(platform: Platform | undefined): string {
  const { os, architecture, variant } = platform ?? { os: '', architecture: '' };
  return [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');
}

/** Spellings that containerd takes for another architecture and variant (containerd/platforms, `normalizeArch`). */
const ARCHITECTURES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  i386: ['386', ''],
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};
/** Variants that are left out, or written in more than one way, by architecture (the same function). */
const VARIANTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  amd64: { v1: '' },
  arm64: { '8': '', v8: '', 'v8.0': '', '9': 'v9', '9.0': 'v9', 'v9.0': 'v9' },
  arm: { '': 'v7', '7': 'v7', '5': 'v5', '6': 'v6', '8': 'v8' },
};

/** The one spelling of a platform by which containerd compares it. */
function normalized(platform: Platform): string {
  const [os, written, variant = ''] = [platform.os, platform.architecture, platform.variant].map((part) =>
    part?.toLowerCase(),
  );
  const [architecture = '', fixed] = ARCHITECTURES[written ?? ''] ?? [written];
  const spelled = fixed ?? variant;
  const system = os === 'macos' ? 'darwin' : os;
  return [system, architecture, VARIANTS[architecture]?.[spelled] ?? spelled].join('/');
}

/** A child that a runtime may come to, with the platform that the way to it names. */
export interface PlatformChild {
  readonly child: Descriptor;
  readonly platform: Platform | undefined;
}

/**
 * The children of an index that a runtime could pick for some platform: all but statements. A reason = one of them is not what
 * every runtime would take for an image or an index.
 */
export function childrenToRun(index: Manifest): readonly Descriptor[] | Reason {
  const children = index.manifests.filter((child) => !isStatements(child));
  const odd = children.find(({ mediaType }) => !isManifestType(mediaType));
  if (odd === undefined) return children;
  return ambiguous(`${shown(odd)} has the media type ${odd.mediaType}, which is no image and no index`);
}

/** Why a child cannot be judged, given what it turned out to be; `undefined` when it is what the index says. */
export function mislabelled(child: Descriptor, { mediaType }: Manifest): Reason | undefined {
  if (mediaType === child.mediaType) return undefined;
  return ambiguous(`${shown(child)} is listed as ${child.mediaType} and is ${mediaType}`);
}

/**
 * Why two children of one platform cannot be told apart: the same platform is written in two ways. containerd takes both for one
 * and runs the first, CRI-O compares letter by letter.
 */
export function rivals(children: readonly PlatformChild[]): Reason | undefined {
  const first = new Map<string, PlatformChild>();
  for (const one of children) {
    if (!one.platform) continue;
    const key = normalized(one.platform);
    const other = first.get(key) ?? one;
    first.set(key, other);
    const [a, b] = [describePlatform(other.platform), describePlatform(one.platform)];
    if (other.child.digest !== one.child.digest && a !== b)
      return ambiguous(`it has different images for ${a} and ${b}, which are one platform to some runtimes`);
  }
  return undefined;
}

function ambiguous(detail: string): Reason {
  return { code: 'AmbiguousIndex', detail: `${detail}: which image would run depends on the runtime` };
}

function shown({ digest }: Descriptor): string {
  return `${digest.slice(0, 19)}…`;
}
