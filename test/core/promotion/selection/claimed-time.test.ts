import { expect } from 'chai';
import { readTags, type Written } from '../../../support/promotions/promotions.ts';
import { claimedTime, needsOf } from '../../../../src/core/promotion/selection/select.ts';

describe('the time at which an image claims to be made', () => {
  for (const said of ['2024-05-06T07:08:09Z', '2024-05-06T09:08:09.123456789+02:00', '2013-03-23T00:00:00Z'])
    it(`is ${said}`, () => expect(claimedTime(said)).to.be.instanceOf(Date));

  const fixed = {
    'year 1 (Go)': '0001-01-01T00:00:00Z',
    'the epoch of Windows': '1601-01-01T00:00:00Z',
    'SOURCE_DATE_EPOCH=0': '1970-01-01T00:00:00Z',
    'SOURCE_DATE_EPOCH=0 in another zone': '1970-01-01T14:00:00+14:00',
    'SOURCE_DATE_EPOCH=0 west of Greenwich': '1969-12-31T19:00:00-05:00',
    'the second of the Nix store': '1970-01-01T00:00:01Z',
    'the epoch of zip': '1980-01-01T00:00:00Z',
    'the second of buildpacks': '1980-01-01T00:00:01Z',
    'the archives of Gradle': '1980-02-01T00:00:00Z',
    'the packages of npm': '1985-10-26T08:15:00Z',
    'the year 2000': '2000-01-01T00:00:00Z',
    'the epoch of Apple': '2001-01-01T00:00:00Z',
    'a digit, which some read as a month': '5',
    'a time without zone': '2024-05-06T07:08:09',
    'a day that does not exist': '2024-02-31T00:00:00Z',
    'seconds since 1970': '1700000000',
    'no text': '',
  };
  for (const [what, said] of Object.entries(fixed))
    it(`P16 is not ${what}`, () => expect(claimedTime(said)).to.equal(undefined));

  it('is not what is absent', () => {
    expect([claimedTime(undefined), claimedTime(null)]).to.deep.equal([undefined, undefined]);
  });
});

describe('what is learned of tags', () => {
  it('is a listing and dates only when a rule requires them', () => {
    const asked = (spec: Written) =>
      Object.entries(needsOf(readTags(spec))).flatMap(([name, is]) => (is ? [name] : []));
    expect(asked({ explicit: ['a'] })).to.deep.equal([]);
    expect(asked({ semver: ['*'], newest: { count: 1 } })).to.deep.equal(['list']);
    expect(asked({ include: ['a'] })).to.deep.equal(['list']);
    expect(asked({ newest: { count: 1, by: 'Created' } })).to.deep.equal(['list', 'created']);
    expect(asked({ explicit: ['a'], minAge: { duration: '1h', by: 'Claimed' } })).to.deep.equal(['created']);
    for (const minAge of ['1h', { duration: '1h' }, { duration: '1h', by: 'FirstSeen' }])
      expect(asked({ explicit: ['a'], minAge })).to.deep.equal(['seen']);
  });
});
