// How runtimes pick an image from an index, written down a second time and simply, for property tests. The end-to-end tests ask
// the true code of both.
import type { Child, WrittenPlatform } from './shapes.ts';

/** Names of the images that a node may come to. */
type Pick = (children: readonly Child[], node: WrittenPlatform) => readonly string[];

/** containerd: by normalised platform, by the config where the entry has none; not even statements are passed over. */
export const containerdMayPick: Pick = (children, node) =>
  children
    .filter(({ platform }) => !platform || accepts(node, platform))
    .flatMap((child) => {
      if ('children' in child) return containerdMayPick(child.children, node);
      return child.platform || accepts(node, child.config) ? [child.image] : [];
    });

/** CRI-O: letter by letter, and what has no platform where nothing else fits; of several by position or compression. */
export const crioMayPick: Pick = (children, node) => {
  const exact = children.filter(({ platform }) => platform && isExactly(platform, node));
  const chosen = exact.length > 0 ? exact : children.filter(({ platform }) => !platform);
  return chosen.flatMap((child) => ('children' in child ? crioMayPick(child.children, node) : [child.image]));
};

function isExactly(platform: WrittenPlatform, node: WrittenPlatform): boolean {
  const { variant = '' } = platform;
  const fits = variant === '' || ['arm', 'arm64'].includes(node.architecture);
  return platform.os === node.os && platform.architecture === node.architecture && fits;
}

/** What a node of an architecture also runs, most able first. */
const RUNS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['amd64', '386'],
  arm64: ['arm64', 'arm'],
};
const OTHER_NAMES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  armhf: 'arm',
  armel: 'arm',
};

/** Whether a node might run it; of variants everything is taken for possible. */
function accepts(node: WrittenPlatform, platform: WrittenPlatform): boolean {
  const os = platform.os.toLowerCase() || node.os;
  const written = platform.architecture.toLowerCase();
  const architecture = OTHER_NAMES[written] ?? written;
  const able = RUNS[node.architecture] ?? [node.architecture];
  return os === node.os && able.includes(architecture);
}
