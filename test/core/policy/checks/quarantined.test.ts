import { expect } from 'chai';
import type { Evidence, Referrer, Signature } from '../../../../src/core/model/index.ts';
import { digestOf } from '../../../../src/core/model/index.ts';
import {
  ABSENT,
  authority,
  UNKNOWN_FACT,
  evidenceOf,
  found,
  inShort,
  policyOf,
  provenBy,
  referrerOf,
  releasedBy,
  verdictOf,
  type WrittenSpec,
} from '../../../support/policies.ts';
import { signingKey } from '../../../support/signing.ts';

const key = signingKey();
const other = signingKey();
const authorities = [authority('release', key), authority('ci', other)];
const TYPE = 'application/vnd.pratique.quarantine.v1+json';
const unread: Referrer & Signature = { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true };

const policy = (quarantine: WrittenSpec = { releasedBy: ['release'] }) =>
  policyOf({ authorities, require: { quarantine } });
const judge = (evidence: Evidence, one = policy()) => inShort(verdictOf([one], { evidence }));

const annotated = (value: string, facts: Partial<Evidence> = {}) =>
  evidenceOf({ annotations: { 'dev.pratique.quarantine': value }, ...facts });

describe('quarantined', () => {
  it('an image without a flag has no finding', () => {
    expect(judge(evidenceOf())).to.equal('allow');
  });

  for (const value of ['true', 'TRUE', ' True ']) {
    it(`the annotation with value ${JSON.stringify(value)} is a flag`, () => {
      expect(judge(annotated(value))).to.equal('deny Quarantined');
    });
  }
  for (const value of ['false', '', 'truely']) {
    it(`the annotation with value ${JSON.stringify(value)} is no flag`, () => {
      expect(judge(annotated(value))).to.equal('allow');
    });
  }

  it('a referrer of the quarantine type is a flag', () => {
    expect(judge(evidenceOf({ referrers: found([referrerOf(TYPE)]) }))).to.equal('deny Quarantined');
  });

  it('a referrer of another type is no flag, whatever it claims', () => {
    const referrer = referrerOf('application/x', { 'dev.pratique.quarantine': 'true' });
    expect(judge(evidenceOf({ referrers: found([referrer]) }))).to.equal('allow');
  });

  it('a repository in quarantine is a flag', () => {
    expect(judge(evidenceOf(), policy({ images: ['**/shop/*'] }))).to.equal('deny Quarantined');
  });

  it('the finding names every flag, and who may lift it', () => {
    const evidence = annotated('true', { referrers: found([referrerOf(TYPE)]) });
    const { findings } = verdictOf([policy({ releasedBy: ['release'], images: ['**'] })], { evidence });
    expect(findings[0]?.found).to.match(
      /^every image in this place is in quarantine, flagged by annotation dev\.pratique\.quarantine, flagged by referrer sha256:\w{12}…; no release by authority "release"$/,
    );
  });

  it('the finding names no authority when none may lift the quarantine', () => {
    const { findings } = verdictOf([policy({})], { evidence: annotated('true') });
    expect(findings[0]).to.include({
      found: 'flagged by annotation dev.pratique.quarantine',
      next: 'use an image that is not flagged',
    });
  });
});

describe('quarantined, lifted', () => {
  const flags: readonly [title: string, evidence: Evidence, spec?: WrittenSpec][] = [
    ['by annotation', annotated('true')],
    ['by referrer', evidenceOf({ referrers: found([referrerOf(TYPE)]) })],
    ['by place', evidenceOf(), { images: ['**'] }],
  ];
  for (const [title, evidence, spec] of flags) {
    const lifted = policy({ releasedBy: ['release'], ...spec });
    const judgeWith = (...signatures: Signature[]) =>
      judge({ ...evidence, signatures: found(signatures) }, lifted);

    it(`${title}: a proven release by a named authority lifts it`, () => {
      expect(judgeWith(provenBy(other), releasedBy(key))).to.equal('allow');
    });
    it(`${title}: a release by another signer does not lift it`, () => {
      expect(judgeWith(releasedBy(other))).to.equal('deny Quarantined');
    });
    it(`${title}: a signature is no release`, () => {
      expect(judgeWith(provenBy(key))).to.equal('deny Quarantined');
    });
    it(`S02: ${title}: a statement of another type is no release`, () => {
      const says = {
        kind: 'statement',
        predicateType: 'https://pratique.dev/release/v2',
        predicate: {},
      } as const;
      expect(judgeWith(provenBy(key, says))).to.equal('deny Quarantined');
    });
    it(`S01: ${title}: an unproven release does not count`, () => {
      const unproven = { state: 'unproven', digest: digestOf('x'), why: 'made by another key' } as const;
      expect(judgeWith(unproven)).to.equal('deny Quarantined');
    });
    it(`S01: ${title}: a referrer that claims to be a release is none`, () => {
      const claim = referrerOf('application/vnd.in-toto+json', {
        'in-toto.io/predicate-type': 'https://pratique.dev/release/v1',
      });
      const referrers = found([
        claim,
        ...(evidence.referrers.state === 'found' ? evidence.referrers.value : []),
      ]);
      expect(judge({ ...evidence, referrers }, lifted)).to.equal('deny Quarantined');
    });
    it(`${title}: a signature that could not be read may be the release`, () => {
      expect(judgeWith(unread)).to.equal('unknown RegistryUnavailable');
      expect(judge({ ...evidence, signatures: UNKNOWN_FACT }, lifted)).to.equal(
        'unknown RegistryUnavailable',
      );
    });
    it(`H12: ${title}: a broken signature does not hide the release`, () => {
      expect(judgeWith(unread, releasedBy(key))).to.equal('allow');
    });
  }

  it('unreadable evidence changes nothing when no authority may lift the quarantine', () => {
    expect(judge(annotated('true', { signatures: UNKNOWN_FACT }), policy({}))).to.equal('deny Quarantined');
  });
});

describe('quarantined, with unreadable evidence', () => {
  it('a listing that could not be read may hide a flag', () => {
    expect(judge(evidenceOf({ referrers: UNKNOWN_FACT }))).to.equal('unknown RegistryUnavailable');
  });

  it('H12: one referrer that could not be read may be a flag, whatever else was read', () => {
    const referrers = found([referrerOf('application/x'), unread]);
    expect(judge(evidenceOf({ referrers }))).to.equal('unknown RegistryUnavailable');
  });

  it('a flag that was read counts, whatever else is unreadable', () => {
    const referrers = found([unread, referrerOf(TYPE)]);
    expect(judge(evidenceOf({ referrers }), policy({}))).to.equal('deny Quarantined');
  });

  it('a manifest that could not be read may carry a flag', () => {
    expect(judge(evidenceOf({ manifest: UNKNOWN_FACT }))).to.equal('unknown RegistryUnavailable');
  });

  it('an image that does not exist is not found, even in a repository in quarantine', () => {
    expect(judge(evidenceOf({ manifest: ABSENT }))).to.equal('deny ImageNotFound');
    const placed = policy({ images: ['**'], releasedBy: ['release'] });
    expect(judge(evidenceOf({ manifest: ABSENT, signatures: UNKNOWN_FACT }), placed)).to.equal(
      'deny ImageNotFound',
    );
  });
});
