import { expect } from 'chai';
import { readLifecycle } from '../../../src/core/policy/index.ts';
import { evidenceOf } from '../../support/policies.ts';

const KEY = 'org.opencontainers.image.support.end-of-life';
const none = { annotations: [], artifactTypes: [] };

/** The time of a date, or why it has none. */
function read(date: string): string {
  const { claims, unreadable } = readLifecycle(evidenceOf({ annotations: { [KEY]: date } }), none);
  return claims[0]?.moment.toISOString() ?? (unreadable.length > 0 ? 'unreadable' : 'absent');
}

describe('lifecycle date', () => {
  for (const [title, date, moment] of [
    ['a date alone is the end of that day, UTC', '2026-10-01', '2026-10-01T23:59:59.999Z'],
    ['a leap day', '2028-02-29', '2028-02-29T23:59:59.999Z'],
    ['a moment in UTC', '2026-10-01T08:30:00Z', '2026-10-01T08:30:00.000Z'],
    ['a moment in small letters', '2026-10-01t08:30:00z', '2026-10-01T08:30:00.000Z'],
    ['a moment with a space', '2026-10-01 08:30:00Z', '2026-10-01T08:30:00.000Z'],
    ['a moment with a fraction', '2026-10-01T08:30:00.123456789Z', '2026-10-01T08:30:00.123Z'],
    ['another zone, east', '2026-10-01T00:30:00+02:00', '2026-09-30T22:30:00.000Z'],
    ['another zone, west', '2026-10-01T23:30:00-05:30', '2026-10-02T05:00:00.000Z'],
    ['spaces around', ' 2026-10-01 ', '2026-10-01T23:59:59.999Z'],
  ] as const) {
    it(`S12: reads ${title}`, () => {
      expect(read(date)).to.equal(moment);
    });
  }

  for (const date of [
    '',
    'never',
    'true',
    '2026',
    '2026-10',
    '2026-13-01',
    '2026-00-01',
    '2026-02-30',
    '2027-02-29',
    '2026-10-00',
    '2026-1-1',
    '01.10.2026',
    '10/01/2026',
    '20261001',
    '2026-10-01T08:30:00',
    '2026-10-01T08:30Z',
    '2026-10-01T24:00:00Z',
    '2026-10-01T08:60:00Z',
    '2026-10-01T08:30:61Z',
    '2026-10-01T08:30:00+2',
    '2026-10-01T08:30:00+25:00',
    '2026-10-01T08:30:00 CET',
    '2026-02-30T08:30:00Z',
    '+002026-10-01',
    '1790812800',
    '２０２６-10-01',
  ]) {
    it(`S12: ${JSON.stringify(date)} is unreadable, which is not absent`, () => {
      expect(read(date)).to.equal('unreadable');
    });
  }
});
