import { expect } from 'chai';
import {
  findQuarantineFlag,
  quarantineFlag,
  QUARANTINE_TYPE,
  endOfLifeMark,
  findEndOfLife,
} from '../../../../src/core/promotion/records/marks.ts';
import { evidenceOf, found, inShort, policyOf, verdictOf } from '../../../support/policies.ts';
import { AT, bodyOf, LATER, listed, subject } from './made.ts';

describe('a quarantine flag beside an image', () => {
  it('has all its content in type and annotations', () => {
    const body = bodyOf(quarantineFlag(subject, AT));
    expect(body).to.deep.include({
      artifactType: QUARANTINE_TYPE,
      annotations: {
        'dev.pratique.quarantine': 'true',
        'org.opencontainers.image.created': '2026-06-15T12:00:00Z',
      },
    });
    expect(body.layers).to.deep.equal([body.config]);
    expect(body.subject).to.deep.equal({
      mediaType: subject.mediaType,
      digest: subject.digest,
      size: subject.size,
    });
  });

  it('is the same bytes at the same moment', () => {
    expect(quarantineFlag(subject, AT)).to.deep.equal(quarantineFlag(subject, AT));
  });

  it('is found again at whatever time it was written, and no other referrer is', () => {
    const flag = listed(quarantineFlag(subject, LATER));
    expect(findQuarantineFlag([subject, flag])?.digest).to.equal(flag.digest);
    expect(findQuarantineFlag([subject])).to.equal(undefined);
  });

  it('is refused by a policy that only requires no quarantine', () => {
    const { digest, annotations } = listed(quarantineFlag(subject, AT));
    const referrer = { state: 'read', digest, artifactType: QUARANTINE_TYPE, annotations } as const;
    const evidence = evidenceOf({ referrers: found([referrer]) });
    expect(inShort(verdictOf([policyOf({ require: { quarantine: {} } })], { evidence }))).to.equal(
      'deny Quarantined',
    );
  });
});

const LIFECYCLE = 'application/vnd.microsoft.artifact.lifecycle';
const DATE = 'vnd.microsoft.artifact.lifecycle.end-of-life.date';
const endsAt = new Date('2026-07-01T00:00:00Z');
const mark = endOfLifeMark(subject, { endsAt, supersededBy: '1.5.0', at: AT });

describe('an end of life attached to a superseded image', () => {
  it('is written in the annotations that registries use, with the successor tag', () => {
    expect(bodyOf(mark)).to.deep.include({
      artifactType: LIFECYCLE,
      annotations: {
        [DATE]: '2026-07-01T00:00:00Z',
        'dev.pratique.lifecycle.superseded-by': '1.5.0',
        'org.opencontainers.image.created': '2026-06-15T12:00:00Z',
      },
    });
  });

  it('refuses the image from that day on, and not before', () => {
    const { digest, annotations, artifactType = '' } = listed(mark);
    const evidence = evidenceOf({
      referrers: found([{ state: 'read', digest, annotations, artifactType } as const]),
    });
    const judge = (now: string) =>
      inShort(
        verdictOf([policyOf({ require: { lifecycle: { warnBefore: '0s' } } })], {
          evidence,
          now: new Date(now),
        }),
      );
    expect(judge('2026-06-30T23:59:59Z')).to.equal('allow');
    expect(judge('2026-07-01T00:00:01Z')).to.equal('deny PastEndOfLife');
  });

  const rows: readonly [string, string, string, boolean][] = [
    ['the same mark with another date', LIFECYCLE, DATE, true],
    [
      'a mark in our own words',
      'application/vnd.pratique.lifecycle.v1+json',
      'dev.pratique.lifecycle.end-of-life',
      true,
    ],
    [
      'an end of support',
      'application/vnd.pratique.lifecycle.v1+json',
      'dev.pratique.lifecycle.end-of-support',
      false,
    ],
    ['a lifecycle record without a date', LIFECYCLE, 'com.example.note', false],
    ['the annotation on something else', 'application/vnd.example', DATE, false],
  ];
  for (const [what, artifactType, key, isMark] of rows) {
    it(`${isMark ? 'counts' : 'does not count'} ${what} as an existing end of life`, () => {
      const one = { ...subject, artifactType, annotations: { [key]: '2027-01-01' } };
      expect(findEndOfLife([subject, one])).to.equal(isMark ? one : undefined);
    });
  }
});
