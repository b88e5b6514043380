import { expect } from 'chai';
import { microTime, rfc3339 } from '../../../src/core/model/index.ts';

const moment = new Date('2026-02-03T04:05:06.789Z');

describe('a moment as Kubernetes writes it', () => {
  it('has whole seconds and the zone in RFC 3339', () => {
    expect(rfc3339(moment)).to.equal('2026-02-03T04:05:06Z');
  });

  it('is never rounded to a later second', () => {
    expect(rfc3339(new Date('2026-12-31T23:59:59.999Z'))).to.equal('2026-12-31T23:59:59Z');
  });

  const rows: readonly [string, number | undefined, string][] = [
    ['six digits, of which the clock knows three', undefined, '2026-02-03T04:05:06.789000Z'],
    ['the given last three digits', 7, '2026-02-03T04:05:06.789007Z'],
    ['the largest last three digits', 999, '2026-02-03T04:05:06.789999Z'],
  ];
  for (const [what, micros, expected] of rows)
    it(`has ${what} as MicroTime`, () => expect(microTime(moment, micros)).to.equal(expected));
});
