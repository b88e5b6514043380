import { expect } from 'chai';
import {
  compareNewestFirst,
  parseTagVersion,
  parseVersionRange,
} from '../../../../src/core/promotion/selection/versions.ts';
import { valueOf } from '../../../support/promotions/promotions.ts';

const readAs = (tag: string): string | undefined => parseTagVersion(tag)?.version.version;
const isIn = (range: string, tag: string): boolean => {
  const version = parseTagVersion(tag);
  return version !== undefined && valueOf(parseVersionRange(range))(version);
};

describe('a tag as a version', () => {
  for (const [tag, version] of [
    ['1.2.3', '1.2.3'],
    ['v1.2.3', '1.2.3'],
    ['1.2', '1.2.0'],
    ['22', '22.0.0'],
    ['24.04', '24.4.0'],
    ['1.2.3-rc.1', '1.2.3-rc.1'],
    ['1.2-alpine', '1.2.0-alpine'],
    ['1.2.3_build.5', '1.2.3'],
  ] as const) {
    it(`${tag} is ${version}`, () => expect(readAs(tag)).to.equal(version));
  }

  for (const tag of [
    'latest',
    'v',
    '1.2.3.4',
    '1.',
    '1.2.3-',
    '1.2.3-a..b',
    'sha256-00',
    'x1.2.3',
    '1.2.3 ',
  ]) {
    it(`"${tag}" is no version`, () => expect(readAs(tag)).to.equal(undefined));
  }

  it('the newer version comes first, and of equal ones the one with all parts', () => {
    const tags = ['1', '1.2', '1.2.0', '1.10.0', '1.2.0-rc.1', '1.9.9'];
    const sorted = tags.map((tag) => parseTagVersion(tag)!).sort(compareNewestFirst);
    expect(sorted.map(({ version, written }) => `${version.version}/${written}`)).to.deep.equal([
      '1.10.0/3',
      '1.9.9/3',
      '1.2.0/3',
      '1.2.0/2',
      '1.2.0-rc.1/3',
      '1.0.0/1',
    ]);
  });
});

describe('a version range', () => {
  const table: readonly [range: string, tag: string, expected: boolean][] = [
    ['>=22 <25', '22.0.0', true],
    ['>=22 <25', '24', true],
    ['>=22 <25', '25.0.0', false],
    ['>=22 <25', '22.1.0-rc.1', false],
    ['>=22 <25', '22.1.0-alpine', false],
    ['>=22.0.0-0 <25', '22.1.0-alpine', true],
    ['>=22.0.0-0 <25', '25.0.0-rc.1', false],
    ['>=22.0.0-0 <25.0.0', '25.0.0-rc.1', false],
    ['>=22.0.0-0 <25.0.0', '25.0.0', false],
    ['>=22.0.0-0 <=25.0.0-rc.1', '25.0.0-rc.1', true],
    ['^1.4 || ~2.0', '1.9.0', true],
    ['^1.4 || ~2.0', '2.0.9', true],
    ['^1.4 || ~2.0', '2.1.0', false],
    ['^1.4 || >=2.0.0-0', '1.5.0-rc.1', false],
    ['1.2.3-rc.1', '1.2.3-rc.1', true],
    ['*', '7.0.0', true],
    ['*', '7.0.0-rc.1', false],
  ];
  for (const [range, tag, expected] of table) {
    it(`${range} ${expected ? 'has' : 'lacks'} ${tag}`, () => expect(isIn(range, tag)).to.equal(expected));
  }

  for (const range of ['', ' ', 'newest', '>=a', '1.2 || nonsense', '>>1']) {
    it(`"${range}" is no range`, () => expect(parseVersionRange(range).ok).to.be.false);
  }
});
