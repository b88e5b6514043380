// Random trees of indexes, made of what runtimes treat differently.
import fc from 'fast-check';
import { MARK, type Child, type WrittenPlatform } from './shapes.ts';

const platform: fc.Arbitrary<WrittenPlatform> = fc.record(
  {
    os: fc.constantFrom('linux', 'linux', 'Linux', '', 'windows', 'unknown'),
    architecture: fc.constantFrom(
      ...['amd64', 'x86_64', '386', 'arm64', 'aarch64', 'arm', 'armhf', 'unknown', 'UNKNOWN'],
    ),
    variant: fc.constantFrom('', 'v1', 'v7', 'v8'),
  },
  { requiredKeys: ['os', 'architecture'] },
);
const config = fc.constantFrom(
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
  { os: 'windows', architecture: 'amd64' },
);
const entry = {
  platform: fc.option(platform, { nil: undefined }),
  annotations: fc.constantFrom(MARK, { 'io.github.containers.compression.zstd': 'true' }, {}),
};

/** An image, or an index of up to four of these; images of one name have one content. */
export const anyTree: fc.Arbitrary<Child> = fc.letrec<{ tree: Child; image: Child; index: Child }>((tie) => ({
  tree: fc.oneof({ maxDepth: 3, withCrossShrink: true }, tie('image'), tie('index')),
  image: fc
    .record({ image: fc.constantFrom('a', 'b', 'c', 'd', 'e'), config, ...entry })
    .map((one) => ({ ...one, image: `${one.image} of ${one.config.os}/${one.config.architecture}` })),
  index: fc.record({ children: fc.array(tie('tree'), { maxLength: 4 }), ...entry }),
})).tree;
