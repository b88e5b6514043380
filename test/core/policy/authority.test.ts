import { expect } from 'chai';
import { CLAIM_NAMES, type ProvenSignature } from '../../../src/core/model/index.ts';
import { objection } from '../../../src/core/policy/index.ts';
import {
  authority,
  evidenceOf,
  found,
  inShort,
  policyOf,
  provenBy,
  verdictOf,
  type WrittenSpec,
} from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';
import { certified, ISSUER, keylessAuthority, PUBLIC_GOOD, SUBJECT } from './proven.ts';

const [key, stranger] = [signingKey(), signingKey()];
const WHO = `by ${SUBJECT} (${ISSUER})`;
const byKey = (signer = key) => provenBy(signer) as ProvenSignature;

/** Why a signature is not by an authority, as a person writes that authority. */
function why(written: WrittenSpec, signature: ProvenSignature): string | undefined {
  const { signatures } = policyOf({
    authorities: [written],
    require: { signatures: { from: [String(written.name)] } },
  });
  return objection(signatures!.from[0]!, signature);
}

const keyless = (identity: WrittenSpec = {}, rest: WrittenSpec = {}) =>
  keylessAuthority('ci', identity, rest);
const pattern = (subjectPattern: string) => keyless({ subjectPattern });
const subjects = (...all: string[]) => certified({ subjects: all });

describe('objection to a signature', () => {
  const table: readonly [title: string, written: WrittenSpec, signature: ProvenSignature, why?: string][] = [
    ['none to the key itself', authority('ci', key), byKey()],
    ['another key', authority('ci', key), byKey(stranger), 'made by another key'],
    [
      'S06: a certificate, when a key is required',
      authority('ci', key),
      certified(),
      `${WHO}, where a key is asked for`,
    ],
    [
      'S06: a key, when a certificate is required',
      keyless(),
      byKey(),
      'made by a key, where authority "ci" signs by certificate',
    ],
    ['none to the identity itself', keyless(), certified()],
    ['another root', keyless(), certified({}, { root: 'other' }), `${WHO}, under another trust root`],
    [
      'another issuer',
      keyless(),
      certified({ issuer: 'https://x.example.com' }),
      `by ${SUBJECT} (https://x.example.com)`,
    ],
    [
      'an issuer that is longer',
      keyless(),
      certified({ issuer: `${ISSUER}/` }),
      `by ${SUBJECT} (${ISSUER}/)`,
    ],
    [
      'an issuer in capitals',
      keyless(),
      certified({ issuer: ISSUER.toUpperCase() }),
      `by ${SUBJECT} (${ISSUER.toUpperCase()})`,
    ],
    ['another subject', keyless(), subjects('x@acme.example'), `by x@acme.example (${ISSUER})`],
    ['a subject that is longer', keyless(), subjects(`${SUBJECT}.test`), `by ${SUBJECT}.test (${ISSUER})`],
    ['no subject', keyless(), subjects(), `by  (${ISSUER})`],
    ['S09: none when the subject is the second of two', keyless(), subjects('x@acme.example', SUBJECT)],
    [
      'S09: none when a pattern matches the second',
      pattern('^release@.*$'),
      subjects('x@acme.example', SUBJECT),
    ],
    ['a subject is no pattern', keyless({ subject: '^.+$' }), certified(), WHO],
    ['a pattern that matches a part', pattern('^release$'), certified(), WHO],
    ['an alternative, matched behind something', pattern('^a|b$'), subjects('xb'), `by xb (${ISSUER})`],
    ['an alternative, matched before something', pattern('^a|b$'), subjects('ax'), `by ax (${ISSUER})`],
    ['none to a whole alternative', pattern('^a|b$'), subjects('b')],
    ['a line more than the pattern', pattern('^a$'), subjects('a\nb'), `by a\nb (${ISSUER})`],
    ['a line end more than the pattern', pattern('^a$'), subjects('a\n'), `by a\n (${ISSUER})`],
    [
      'no log',
      keyless(),
      certified({}, { loggedBy: [] }),
      'by ci, but in no transparency log of its trust root',
    ],
    [
      'a log of another root',
      keyless(),
      certified({}, { loggedBy: ['x'] }),
      'by ci, but in no transparency log of its trust root',
    ],
    [
      'none without log where none is required',
      keyless({}, { transparencyLog: 'NotRequired' }),
      certified({}, { loggedBy: [] }),
    ],
    [
      'no log, where a key needs one',
      { ...authority('ci', key), transparencyLog: 'Required' },
      byKey(),
      'by ci, but in no transparency log of its trust root',
    ],
    [
      'none to a key that is logged',
      { ...authority('ci', key), transparencyLog: 'Required' },
      { ...byKey(), loggedBy: [PUBLIC_GOOD] },
    ],
    [
      'no timestamp',
      keyless({}, { timestamps: 'Required' }),
      certified(),
      'by ci, but without a timestamp of its trust root',
    ],
    [
      'a timestamp of another root',
      keyless({}, { timestamps: 'Required' }),
      certified({}, { timestampedBy: ['x'] }),
      'by ci, but without a timestamp of its trust root',
    ],
    [
      'none with a timestamp',
      keyless({}, { timestamps: 'Required' }),
      certified({}, { timestampedBy: [PUBLIC_GOOD] }),
    ],
  ];
  for (const [title, written, signature, expected] of table) {
    it(title, () => {
      expect(why(written, signature)).to.equal(expected);
    });
  }

  for (const claim of CLAIM_NAMES) {
    it(`claim ${claim}: accepts its value, and neither another one nor none`, () => {
      const asked = keyless({ claims: { [claim]: 'a' } });
      expect(why(asked, certified({ claims: { [claim]: 'a' } }))).to.equal(undefined);
      expect(why(asked, certified({ claims: { [claim]: 'ab' } }))).to.equal(`${WHO}, whose ${claim} is ab`);
      expect(why(asked, certified())).to.equal(`${WHO}, whose ${claim} is not said`);
    });
  }

  it('every claim must match', () => {
    const asked = keyless({ claims: { buildTrigger: 'push', runnerEnvironment: 'hosted' } });
    expect(why(asked, certified({ claims: { buildTrigger: 'push' } }))).to.include(
      'runnerEnvironment is not said',
    );
  });
});

describe('signatures by identity', () => {
  const authorities = [
    keylessAuthority('one', { subjectPattern: '^release@.*$' }),
    keylessAuthority('two', { subjectPattern: '^.*@acme[.]example$' }),
  ];
  const judge = (atLeast: number, signatures: readonly ProvenSignature[]) =>
    verdictOf([policyOf({ authorities, require: { signatures: { from: ['one', 'two'], atLeast } } })], {
      evidence: evidenceOf({ signatures: found(signatures) }),
    });

  it('S10: one signer whom two authorities accept counts once', () => {
    expect(inShort(judge(2, [certified()]))).to.equal('deny Unsigned');
    expect(inShort(judge(2, [certified(), certified({ claims: { buildTrigger: 'push' } })]))).to.equal(
      'deny Unsigned',
    );
    expect(inShort(judge(1, [certified()]))).to.equal('allow');
  });

  it('S10: the same subjects in another order are the same signer', () => {
    const both = [SUBJECT, 'release@acme.test'];
    expect(inShort(judge(2, [subjects(...both), subjects(...both.reverse())]))).to.equal('deny Unsigned');
  });

  it('S10: two signers count as two', () => {
    expect(inShort(judge(2, [certified(), subjects('ci@acme.example')]))).to.equal('allow');
  });

  it('a refusal names the nearest identity', () => {
    const [finding] = judge(1, [certified({ issuer: 'https://x.example.com' })]).findings;
    expect(finding?.found).to.equal(
      `no signature by authority "one" or "two"; 1 found, by ${SUBJECT} (https://x.example.com)`,
    );
  });
});
