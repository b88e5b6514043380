import { expect } from 'chai';
import {
  findQuarantineFlag,
  quarantineFlag,
  QUARANTINE_TYPE,
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
