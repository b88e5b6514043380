import { expect } from 'chai';
import {
  compareNewestFirst,
  parseTagVersion,
  parseVersionRange,
  schemeOf,
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

describe('a suffix that counts builds', () => {
  const sorted = (tags: readonly string[]) =>
    tags.toSorted((a, b) => compareNewestFirst(parseTagVersion(a, 'Newer')!, parseTagVersion(b, 'Newer')!));
  for (const newestFirst of [
    ['1.2.4', '1.2.3-10', '1.2.3-2', '1.2.3'],
    ['1.2.3-r10', '1.2.3-r9', '1.2.3', '1.2.3-rc.1'],
    ['1.2.3-ls203', '1.2.3-ls99', '1.2.3'],
    ['1.2.3-debian-12-r2', '1.2.3-debian-11-r19', '1.2.3-debian-11-r9'],
    ['17.0.9_11', '17.0.9_9', '17.0.9'],
    ['1.2.3-20240115', '1.2.3-20231201', '1.2.3'],
    ['1.2.3', '1.2.3-slim-2', '1.2.3-rc2', '1.2.3-alpine3.20', '1.2.3-alpine'],
    ['1.2.3', '1.2.3-rc-2', '1.2.3-beta.11', '1.2.3-beta.2'],
  ]) {
    it(`orders ${newestFirst.join(' ')}`, () => {
      expect(sorted(newestFirst.toReversed())).to.deep.equal(newestFirst);
    });
  }
});

describe('how a version numbers', () => {
  for (const [tag, scheme] of Object.entries({
    '1.2.3': 'Semver',
    'v1.2': 'Semver',
    '24.04': 'Semver',
    '2024.1.3': 'Calendar',
    '20240115': 'Calendar',
    '20240115.2': 'Calendar',
    '2024-01-15': 'Calendar',
    'v2024.01': 'Calendar',
    '22': 'Number',
    v22: 'Number',
    '1705312345': 'Number',
    '240115.1.0': 'Number',
  }))
    it(`${tag}: ${scheme}`, () => expect(schemeOf(tag, parseTagVersion(tag)!)).to.equal(scheme));
});
