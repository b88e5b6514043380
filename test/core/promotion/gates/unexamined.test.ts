import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { gateHash, waive } from '../../../../src/core/promotion/gates/gate.ts';
import { judgeScan, type Scanned, type ScanRule } from '../../../../src/core/promotion/gates/scan-gate.ts';
import {
  authority,
  evidenceOf,
  found,
  inShort,
  policyOf,
  provenBy,
  verdictOf,
} from '../../../support/policies.ts';
import { signingKey } from '../../../support/signing.ts';
import { statementOf, TRIVY } from '../../policy/proven.ts';
import { hoursAgo, NOW, report, rule, scan } from './scans.ts';

const judge = (scanned: readonly Scanned[], more: Partial<ScanRule> = {}) =>
  judgeScan(scanned, rule(more), NOW);
const emptyReport = { SchemaVersion: 2 };
const nothing = (more: { readonly platform?: string } = {}) => scan([], { report: emptyReport, ...more });
const unknown = { id: 'CVE-1', severity: 'UNKNOWN' };

describe('the scan gate, of what cannot be judged', () => {
  it('O14: an image in which nothing was recognised is unknown, and the message names platform and setting', () => {
    const result = judge([nothing()]);
    expect([result.answer, result.reason, result.transient]).to.deep.equal([
      'Unknown',
      'ScanIncomplete',
      false,
    ]);
    expect(result.message).to.equal(
      'linux/amd64: the scanner recognised nothing in it; promote.scan.unsupported: Ignore would accept that',
    );
    expect(judge([nothing()], { unsupported: 'Ignore' }).answer).to.equal('Pass');
  });

  it('O14: one platform that was not examined makes the image unknown, whatever the others are', () => {
    for (const all of [
      [scan([]), nothing({ platform: 'linux/arm64' })],
      [nothing({ platform: 'linux/arm64' }), scan([{ id: 'CVE-1' }])],
    ])
      expect(judge(all).reason).to.equal('ScanIncomplete');
  });

  it('O14: a platform that the index calls Windows was not examined, also by its SBOM', () => {
    const windows = scan([], { platform: 'windows/amd64' });
    expect(judge([windows]).message).to.match(/^windows\/amd64: it is for windows, /);
    expect(judge([windows], { unsupported: 'Ignore' }).answer).to.equal('Pass');
    for (const platform of ['', 'linux/arm64/v8', 'unknown/unknown'])
      expect(judge([scan([], { platform })]).answer, platform).to.equal('Pass');
  });

  it('O10: a finding of unknown severity blocks, is named, and is counted as unknown', () => {
    const result = judge([scan([unknown])], { failOn: 'Critical' });
    expect(result).to.deep.include({
      answer: 'Block',
      reason: 'Vulnerable',
      message: 'CVE-1 (of unknown severity) block it',
      worst: 'Unknown',
      blocking: ['CVE-1'],
    });
    expect(result.counts.Unknown).to.equal(1);
    const ignored = judge([scan([unknown])], { unknownSeverity: 'Ignore', failOn: 'Low' });
    expect([ignored.answer, ignored.counts.Unknown]).to.deep.equal(['Pass', 1]);
  });

  it('O10: an approval waives a finding of unknown severity, and not what was not examined', () => {
    const digest = digestOf('image');
    const subject = { tag: '1', digest, scope: digestOf('a run') };
    const waived = (scanned: readonly Scanned[]) => {
      const result = judge(scanned);
      const approval = { reason: 'not reachable', until: hoursAgo(-1), waive: ['CVE-1'], digest };
      return waive(subject, result, { ...approval, gateHash: gateHash(subject, result) }, NOW).answer;
    };
    expect(waived([scan([unknown])])).to.equal('Pass');
    expect(waived([scan([unknown]), nothing({ platform: 'linux/arm64' })])).to.equal('Unknown');
  });

  it('O13: one finding of two platforms is as bad as in the worse one, and as uncertain', () => {
    const result = judge([scan([unknown]), scan([{ id: 'CVE-1' }], { platform: 'linux/arm64' })]);
    expect(result.message).to.equal('CVE-1 (of unknown severity, High or worse) block it');
  });

  describe('as admission', () => {
    const key = signingKey();
    const ended = { OS: { Family: 'alpine', Name: '3.8.0', EOSL: true } };
    const clean = { SchemaVersion: 2, Results: [{ Class: 'os-pkgs' }] };
    for (const [title, predicate, more, expected] of [
      ['a clean one', clean, {}, 'allow'],
      ['nothing recognised', emptyReport, {}, 'unknown ScanIncomplete'],
      ['nothing recognised, ignored', emptyReport, { unsupported: 'Ignore' }, 'allow'],
      ['an ended distribution', { ...clean, Metadata: ended }, {}, 'unknown ScanIncomplete'],
      ['an unknown severity', report([unknown]), { failOn: 'Critical' }, 'deny Vulnerable'],
      ['an unknown severity, ignored', report([unknown]), { unknownSeverity: 'Ignore' }, 'allow'],
    ] as const) {
      it(`O16: judges a signed report like admission does: ${title}`, () => {
        const statement = statementOf(TRIVY, predicate);
        const policy = policyOf({
          authorities: [authority('ci', key)],
          require: { vulnerabilities: { from: ['ci'], ...more } },
        });
        const signatures = found([provenBy(key, statement)]);
        expect(inShort(verdictOf([policy], { evidence: evidenceOf({ signatures }) }))).to.equal(expected);
        const signed = { kind: 'report', platform: '', digest: digestOf(''), statement } as const;
        const { answer, reason } = judge([signed], more);
        const inWords = {
          Pass: 'allow',
          Block: `deny ${String(reason)}`,
          Unknown: `unknown ${String(reason)}`,
        };
        expect(inWords[answer]).to.equal(expected);
      });
    }
  });
});
