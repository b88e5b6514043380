import { expect } from 'chai';
import type { Annotations } from '../../../src/core/model/index.ts';
import { successorTags } from '../../../src/core/policy/index.ts';
import { IMAGE, manifestOf } from '../../support/policies.ts';

const VERSION = 'org.opencontainers.image.version';
const LINE = 'dev.pratique.image.lineage';
const after = (tag: string | undefined, tags: readonly string[], annotations: Annotations = {}) => {
  const { registry, repository, digest } = IMAGE;
  const image = { registry, repository, digest, ...(tag !== undefined && { tag }) };
  return successorTags(image, manifestOf(annotations), tags).join(' ');
};

describe('successor tags', () => {
  const table: readonly [
    title: string,
    tag: string | undefined,
    tags: string,
    successors: string,
    annotations?: Annotations,
  ][] = [
    ['higher ones only, best first', '1.4.1', '1.4.0 1.4.1 1.4.2 1.4.10', '1.4.10 1.4.2'],
    [
      'the minor line before the major before all others',
      '1.4.1',
      '3.0.0 1.5.0 2.0.0 1.4.2 1.6.0',
      '1.4.2 1.6.0 1.5.0 3.0.0 2.0.0',
    ],
    ['numbers, not letters, are compared', '1.9.0', '1.10.0 1.8.0', '1.10.0'],
    ['full versions before those that may move', '1.4.1', '1 1.4 1.5 1.4.2 latest', '1.4.2'],
    ['versions in short where the line has no full ones', '1.4', '1.3 1.5 1.6', '1.6 1.5'],
    ['single numbers', '20', '18 22 24', '24 22'],
    ['the same variant only', '1.4.1-alpine', '1.4.2 1.4.2-alpine 1.4.3-slim', '1.4.2-alpine'],
    ['no variant means none', '1.4.1', '1.4.2-alpine 1.4.3', '1.4.3'],
    ['a pre-release is never recommended', '1.4.1-rc1', '1.4.2-rc1 1.5.0-beta', ''],
    ['a v in front is the same', 'v1.4.1', '1.4.2 v1.4.3', 'v1.4.3 1.4.2'],
    ['nothing without a higher version', '1.4.2', '1.4.1 1.4.2', ''],
    ['no tags', '1.4.2', '', ''],
    ['a tag that is no version', 'stable', '1.4.2', ''],
    ['no tag and no annotation', undefined, '1.4.2', ''],
    ['other tags that are no version', '1.4.1', 'latest edge sha256-ab.sig 1.4.x', ''],
    ['the version annotation goes before the tag', 'stable', '1.4.1 1.4.2', '1.4.2', { [VERSION]: '1.4.1' }],
    ['the version annotation of an untagged image', undefined, '1.4.2', '1.4.2', { [VERSION]: '1.4.1' }],
    ['a version annotation that is none', '1.4.1', '1.4.2', '1.4.2', { [VERSION]: 'main' }],
    ['the line annotation', '1.4.1', '1.4.2 2.1.0 2.1.1', '2.1.1 2.1.0 1.4.2', { [LINE]: '2.1' }],
    ['the line annotation, major only', '1.4.1', '1.4.2 2.1.0 2.0.5', '2.1.0 2.0.5 1.4.2', { [LINE]: '2' }],
    ['a line without version', 'stable', '1.4.2 1.5.0 2.0.0', '1.4.2 1.5.0 2.0.0', { [LINE]: '1.4' }],
    ['a line annotation that is none', '1.4.1', '1.4.2', '1.4.2', { [LINE]: 'golden' }],
    [
      'the line as the public workflows write it',
      'x',
      '1.1.0 2.0.0',
      '1.1.0 2.0.0',
      { 'com.toddysm.image.lineage': '1' },
    ],
    ['the tag itself is never its successor', 'v1.4', '1.4 v1.4', ''],
  ];
  for (const [title, tag, tags, successors, annotations] of table) {
    it(title, () => {
      expect(after(tag, tags.split(' '), annotations)).to.equal(successors);
    });
  }
});
