import { expect } from 'chai';
import { digestOf, type Signature, type SignedClaim } from '../../../src/core/model/index.ts';
import { withoutLargePredicates } from '../../../src/core/policy/index.ts';
import { ownPolicy } from '../../../src/core/promotion/gates/signed-reports.ts';
import type { StandingRule } from '../../../src/core/promotion/reassessment.ts';
import { standingOf } from '../../../src/core/promotion/reassessment.ts';
import { signingKey } from '../../support/signing.ts';
import { valueOf } from '../../support/promotions/promotions.ts';
import { NOW, report, hoursAgo, type Row } from './gates/scans.ts';

const own = signingKey();
const digest = digestOf('image');
const roots = {
  read: () => ({ ok: false, problems: [] }) as const,
  publicGood: () => ({ fingerprint: '', json: '' }),
};
const ownKey = valueOf(ownPolicy({ publicKey: own.pem }, { material: () => undefined, roots }));
const by = ownKey?.vulnerabilities?.from ?? [];
const [source, target] = ['quarantine/web', 'golden/web'].map((repository) => ({
  registry: 'registry.example.com',
  repository,
})) as [StandingRule['source'], StandingRule['target']];
const rule: StandingRule = {
  scan: { failOn: 'High', fixableOnly: false, unknownSeverity: 'Block', unsupported: 'Unknown' },
  exceptions: [],
  reportsBy: by,
  releasesBy: by,
  source,
  target,
};

const proven = (says: SignedClaim): Signature => ({
  state: 'proven',
  digest: digestOf('carrier'),
  signer: { kind: 'key', fingerprint: own.fingerprint },
  loggedBy: [],
  timestampedBy: [],
  says,
});
const reported = (rows: readonly Row[], hours = 1) =>
  proven({
    kind: 'statement',
    predicateType: 'https://cosign.sigstore.dev/attestation/vuln/v1',
    predicate: {
      scanner: {
        uri: 'trivy',
        version: '0.74.0',
        result: { ...(report(rows) as object), CreatedAt: undefined },
      },
      metadata: { scanFinishedOn: hoursAgo(hours).toISOString() },
    },
  });
const released = (more: object = {}) =>
  proven({
    kind: 'statement',
    predicateType: 'https://pratique.dev/release/v1',
    predicate: {
      source: { repository: 'registry.example.com/quarantine/web' },
      target: { repository: 'registry.example.com/golden/web' },
      waived: [],
      ...more,
    },
  });
const unread: Signature = {
  state: 'unread',
  reason: { code: 'RegistryUnavailable', detail: 'down' },
  transient: true,
};
const stand = (signatures: readonly Signature[], given: Partial<StandingRule> = {}, known = false) => {
  const fact = { state: 'found', value: signatures, seenAt: NOW } as const;
  const standing = standingOf({ digest, known, signatures: fact }, { ...rule, ...given }, NOW);
  if (!standing) return 'not ours';
  return 'reason' in standing ? `${standing.state} ${standing.reason.code}` : standing.state;
};
const bad = { id: 'CVE-2026-1' };

describe('the state of an image at the target', () => {
  const rows: readonly (readonly [string, string, readonly Signature[]])[] = [
    ['is not ours without a release', 'not ours', [reported([bad])]],
    ['is unknown when the release may be what cannot be read', 'unknown RegistryUnavailable', [unread]],
    ['is unreported without a report', 'unreported', [released()]],
    ['passes by the newest report', 'well', [released(), reported([bad], 2), reported([], 1)]],
    [
      'is blocked by the newest report',
      'blocked Vulnerable',
      [released(), reported([], 2), reported([bad], 1)],
    ],
    [
      'is blocked by one of two of the same time',
      'blocked Vulnerable',
      [released(), reported([]), reported([bad])],
    ],
    [
      'is unknown, not well, beside what cannot be read',
      'unknown RegistryUnavailable',
      [released(), reported([]), unread],
    ],
    ['is blocked beside what cannot be read', 'blocked Vulnerable', [released(), reported([bad]), unread]],
    [
      'passes with the findings that a person waived',
      'well',
      [released({ waived: ['cve-2026-1'], approvedUntil: '2026-12-31T00:00:00Z' }), reported([bad])],
    ],
    [
      'is blocked by a finding that was waived until yesterday',
      'blocked ExceptionExpired',
      [released({ waived: ['CVE-2026-1'], approvedUntil: '2026-03-01T00:00:00Z' }), reported([bad])],
    ],
    [
      'is blocked by a finding that was waived without an end',
      'blocked ExceptionExpired',
      [released({ waived: ['CVE-2026-1'] }), reported([bad])],
    ],
    [
      'is blocked by an expired waiver and a new finding',
      'blocked Vulnerable',
      [released({ waived: ['CVE-2026-1'] }), reported([bad, { id: 'CVE-2026-2' }])],
    ],
    [
      'is not ours with a release to another repository',
      'not ours',
      [released({ target: { repository: 'registry.example.com/golden/other' } }), reported([bad])],
    ],
    [
      'is not ours with a release from another repository',
      'not ours',
      [released({ source: { repository: 'registry.example.com/other' } }), reported([bad])],
    ],
    [
      'is not ours with a statement that is no release',
      'not ours',
      [released({ waived: 'all' }), reported([bad])],
    ],
  ];
  for (const [what, expected, signatures] of rows)
    it(what, () => {
      expect(stand(signatures)).to.equal(expected);
    });

  it('is judged without a release when it is known to be ours', () => {
    expect(stand([reported([bad])], {}, true)).to.equal('blocked Vulnerable');
  });

  it('ignores signers that the policy does not name', () => {
    expect(stand([released(), reported([bad])], { reportsBy: [] })).to.equal('unreported');
    expect(stand([released(), reported([bad])], { releasesBy: [] })).to.equal('not ours');
  });

  it('is unknown when its signatures are unknown', () => {
    const signatures = {
      state: 'unknown',
      reason: { code: 'RegistryUnavailable', detail: '' },
      transient: true,
    } as const;
    expect(standingOf({ digest, known: true, signatures }, rule, NOW)?.state).to.equal('unknown');
  });

  it('O16: is judged by the same rules as a gate for what cannot be judged', () => {
    const unknown = [released(), reported([{ ...bad, severity: 'UNKNOWN' }])];
    expect(stand(unknown)).to.equal('blocked Vulnerable');
    expect(stand(unknown, { scan: { ...rule.scan, unknownSeverity: 'Ignore' } })).to.equal('well');
    const result = { SchemaVersion: 2, CreatedAt: hoursAgo(1).toISOString() };
    const predicateType = 'https://cosign.sigstore.dev/attestation/vuln/v1';
    const nothing = [
      released(),
      proven({ kind: 'statement', predicateType, predicate: { scanner: { result } } }),
    ];
    expect(stand(nothing)).to.equal('unknown ScanIncomplete');
    expect(stand(nothing, { scan: { ...rule.scan, unsupported: 'Ignore' } })).to.equal('well');
  });

  it('P11: a release statement is read, however many exceptions make it a large one', () => {
    const waived = Array.from({ length: 9_000 }, (_, n) => `CVE-2026-${n}`);
    const many = released({ waived, approvedUntil: '2026-03-01T00:00:00Z' });
    const [large] = withoutLargePredicates([many], 128 * 1024);
    expect(large && 'says' in large && large.says).to.have.property('large');
    const signatures = [large ?? many, reported([bad])];
    expect(stand(signatures)).to.equal('blocked ExceptionExpired');
  });
});
