import { expect } from 'chai';
import fc from 'fast-check';
import { nextRun } from '../../../src/core/promotion/index.ts';
import { parseSchedule } from '../../../src/core/promotion/schedule.ts';
import { pathsOf } from '../../support/promotions/promotions.ts';

const next = (schedule: string, timeZone: string, after: string): string | undefined =>
  nextRun(schedule, timeZone, new Date(after))?.toISOString();

describe('the next run', () => {
  const table: readonly [title: string, schedule: string, zone: string, after: string, expected: string][] = [
    ['is on the same day', '0 3 * * *', 'Etc/UTC', '2026-06-15T02:59:59.999Z', '2026-06-15T03:00:00.000Z'],
    [
      'is after the moment, never at it',
      '0 3 * * *',
      'Etc/UTC',
      '2026-06-15T03:00:00Z',
      '2026-06-16T03:00:00.000Z',
    ],
    [
      'is at the hour of the zone',
      '0 3 * * *',
      'Asia/Tokyo',
      '2026-06-15T00:00:00Z',
      '2026-06-15T18:00:00.000Z',
    ],
    ['is on either named day', '0 0 13 * 5', 'Etc/UTC', '2026-10-25T00:00:00Z', '2026-10-30T00:00:00.000Z'],
    ['reads names', '0 3 * JAN MON', 'Etc/UTC', '2026-10-25T00:00:00Z', '2027-01-04T03:00:00.000Z'],
    ['reads @daily', '@daily', 'Etc/UTC', '2026-06-15T02:00:00Z', '2026-06-16T00:00:00.000Z'],
    [
      'waits for the next 29 February',
      '0 0 29 2 *',
      'Etc/UTC',
      '2026-03-01T00:00:00Z',
      '2028-02-29T00:00:00.000Z',
    ],
    // Europe/Berlin goes forward at 01:00 UTC on 2026-03-29 and back at 01:00 UTC on 2026-10-25.
    [
      'is after the skipped hour',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-29T00:00:00Z',
      '2026-03-29T01:00:00.000Z',
    ],
    [
      'is at the usual time on the next day',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:30:00.000Z',
    ],
    [
      'is in the repeated hour',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T23:00:00Z',
      '2026-10-25T00:30:00.000Z',
    ],
    [
      'is only once in the repeated hour',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-25T00:30:00Z',
      '2026-10-26T01:30:00.000Z',
    ],
  ];
  for (const [title, schedule, zone, after, expected] of table) {
    it(title, () => expect(next(schedule, zone, after)).to.equal(expected));
  }

  it('is in the future and within two days for a daily schedule, also when clocks change', () => {
    const moment = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true });
    const zone = fc.constantFrom('Etc/UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe');
    const minute = fc.integer({ min: 0, max: 59 });
    fc.assert(
      fc.property(moment, zone, minute, fc.integer({ min: 0, max: 23 }), (after, timeZone, m, h) => {
        const run = nextRun(`${m} ${h} * * *`, timeZone, after);
        expect(run!.getTime() - after.getTime()).to.be.within(1, 49 * 3_600_000);
      }),
    );
  });
});

describe('an invalid schedule', () => {
  for (const schedule of [
    '',
    'daily',
    '0 3 * *',
    '* * * * * *',
    '0 0 3 * * * 2027',
    '61 * * * *',
    '@every 5m',
    '2026-12-01T00:00:00',
    '0 0 30 2 *',
  ]) {
    it(`is refused for "${schedule}"`, () =>
      expect(pathsOf(parseSchedule(schedule, 'Etc/UTC'))).to.deep.equal(['schedule']));
  }

  it('is refused for an unknown time zone', () => {
    expect(pathsOf(parseSchedule('0 3 * * *', 'Nowhere/Near'))).to.deep.equal(['timeZone']);
    expect(next('0 3 * * *', 'Nowhere/Near', '2026-01-01T00:00:00Z')).to.equal(undefined);
  });
});
