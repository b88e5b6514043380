import { expect } from 'chai';
import { digestOf, type Evidence, type Signature } from '../../../src/core/model/index.ts';
import { explainEvidence } from '../../../src/core/policy/index.ts';
import {
  ABSENT,
  UNKNOWN_FACT,
  evidenceOf,
  found,
  policyOf,
  referrerOf,
  releasedBy,
} from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';
import {
  certified,
  ISSUER,
  keylessAuthority,
  PUBLIC_GOOD,
  reportOf,
  statementOf,
  SUBJECT,
  unsignedOf,
} from './proven.ts';

const policy = policyOf({
  authorities: [keylessAuthority('ci')],
  require: { signatures: { from: ['ci'] } },
});
const lines = (facts: Partial<Evidence>, policies = [policy]) => explainEvidence(evidenceOf(facts), policies);
/** The line about one signature, without its digest. */
const said = (signature: Signature, policies = [policy]) =>
  lines({ signatures: found([signature]) }, policies)
    .filter((line) => line.startsWith('signatures: '))
    .map((line) => line.replace(/^signatures: (?:sha256:[0-9a-f]{64}: )?/, ''))
    .join();

describe('explained evidence', () => {
  const proven = certified(
    {},
    { loggedBy: [PUBLIC_GOOD], timestampedBy: [PUBLIC_GOOD], signedAt: new Date('2026-06-14T00:00:00Z') },
  );
  const table: readonly [title: string, signature: Signature, text: string][] = [
    [
      'one that counts',
      certified(),
      'signature, counts as one by authority "ci" [policy production] (in a transparency log)',
    ],
    [
      'one with a time',
      proven,
      'signature, counts as one by authority "ci" [policy production] (in a transparency log, timestamped, made by 2026-06-14T00:00:00.000Z)',
    ],
    [
      'one by another signer',
      certified({ subjects: ['x'] }),
      `signature, does not count, by x (${ISSUER}) (in a transparency log)`,
    ],
    [
      'one without log',
      certified({}, { loggedBy: [] }),
      'signature, does not count, by ci, but in no transparency log of its trust root',
    ],
    [
      'one by a key',
      releasedBy(signingKey()),
      'release, does not count, made by a key, where authority "ci" signs by certificate',
    ],
    [
      'an attestation',
      certified({}, { says: statementOf('https://x.example.com/a'), loggedBy: [PUBLIC_GOOD] }),
      'https://x.example.com/a, counts as one by authority "ci" [policy production] (in a transparency log)',
    ],
    [
      'a report that is not signed',
      unsignedOf(reportOf(undefined)),
      'vulnerability report (application/vnd.aquasecurity.trivy.report+json) that is not signed: it counts only where a policy says trust: Unsigned',
    ],
    [
      'one that proves nothing',
      { state: 'unproven', digest: digestOf('a'), why: 'about another digest' },
      'does not count, about another digest',
    ],
    [
      'one unread',
      { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true },
      'unread: connection refused',
    ],
  ];
  for (const [title, signature, text] of table) {
    it(title, () => {
      expect(said(signature)).to.equal(text);
    });
  }

  it('no line names an authority without one in the policy', () => {
    expect(said(certified(), [])).to.include(`signature, does not count, no authority is named`);
    expect(said(certified(), [])).not.to.include(SUBJECT);
  });

  it('absent and unknown evidence have different lines', () => {
    expect(lines({ manifest: ABSENT, referrers: UNKNOWN_FACT })).to.deep.equal([
      'manifest: none',
      'referrers: unknown, connection refused',
      'signatures: none',
    ]);
  });

  it('referrers and platforms have separate lines', () => {
    const all = lines({
      referrers: found([
        referrerOf('application/x'),
        { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true },
      ]),
      children: found([{ digest: digestOf('arm'), platform: 'linux/arm64', signatures: ABSENT }]),
    });
    expect(all).to.include('referrers: unread: connection refused');
    expect(all).to.include('signatures of linux/arm64: none');
    expect(all.join()).to.include('(application/x)');
  });
});
