import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  decideUnmatched,
  decideUnreadable,
  selectPolicies,
  type CompiledPolicy,
} from '../../../src/core/policy/index.ts';
import { nameOf, type Evidence, type Fact, type Verdict } from '../../../src/core/model/index.ts';
import {
  ABSENT,
  authority,
  UNKNOWN_FACT,
  evidenceOf,
  found,
  IMAGE,
  inShort,
  policyOf,
  provenBy,
  referrerOf,
  releasedBy,
  USE,
  verdictOf,
  type WrittenSpec,
} from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';

const key = signingKey();
const other = signingKey();
const authorities = [authority('release', key), authority('ci', other)];
const signed = { authorities, require: { signatures: { from: ['release'] } } };

describe('enforcement and onUnknown', () => {
  const refused = evidenceOf();
  const unreadable = evidenceOf({ signatures: UNKNOWN_FACT });
  const table: readonly [enforcement: string, onUnknown: string, refused: string, unknown: string][] = [
    ['Deny', 'Deny', 'deny', 'unknown'],
    ['Deny', 'Warn', 'deny', 'warn'],
    ['Deny', 'Allow', 'deny', 'allow'],
    ['Warn', 'Deny', 'warn', 'warn'],
    ['Warn', 'Warn', 'warn', 'warn'],
    ['Warn', 'Allow', 'warn', 'allow'],
    ['Audit', 'Deny', 'allow', 'allow'],
    ['Audit', 'Warn', 'allow', 'allow'],
    ['Audit', 'Allow', 'allow', 'allow'],
  ];
  for (const [enforcement, onUnknown, ifRefused, ifUnknown] of table) {
    it(`${enforcement}, onUnknown ${onUnknown}: a refusal is ${ifRefused}, an unknown is ${ifUnknown}, and both are reported`, () => {
      const policy = policyOf({ ...signed, enforcement, onUnknown });
      expect(inShort(verdictOf([policy], { evidence: refused }))).to.equal(`${ifRefused} Unsigned`);
      expect(inShort(verdictOf([policy], { evidence: unreadable }))).to.equal(
        `${ifUnknown} RegistryUnavailable`,
      );
    });
  }

  it('a certain refusal outweighs an unknown', () => {
    const quarantine = policyOf({ require: { quarantine: { images: ['**'] } } }, 'held');
    const policies = [policyOf(signed), quarantine];
    expect(inShort(verdictOf(policies, { evidence: unreadable }))).to.equal(
      'deny RegistryUnavailable Quarantined',
    );
  });

  it('one missing fact is reported once per policy, though several checks need it', () => {
    const policy = policyOf({ ...signed, require: { ...signed.require, quarantine: {}, lifecycle: {} } });
    const evidence = evidenceOf({
      manifest: UNKNOWN_FACT,
      referrers: UNKNOWN_FACT,
      signatures: UNKNOWN_FACT,
    });
    expect(inShort(verdictOf([policy], { evidence }))).to.equal('unknown RegistryUnavailable');
  });

  it('an image must satisfy every policy, and each finding names its policy', () => {
    const { findings } = verdictOf([policyOf(signed, 'one'), policyOf({ require: { digest: {} } }, 'two')]);
    expect(findings.map(({ policy, reason }) => [policy, reason])).to.deep.equal([
      ['one', 'Unsigned'],
      ['two', 'NotPinned'],
    ]);
  });
});

describe('selecting policies', () => {
  const everywhere = policyOf({ require: { digest: {} } });
  const inProd = policyOf({
    match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'prod' } } },
    require: { digest: {} },
  });

  it('R08: all matching policies apply, in every order', () => {
    const policies = ['**', 'registry.example.com/**', 'registry.example.com/shop/web'].map((glob) =>
      policyOf({ match: { images: [glob] }, require: {} }, glob),
    );
    for (const order of [policies, policies.toReversed()]) {
      const { applying } = selectPolicies(order, nameOf(USE), found({}));
      expect(applying).to.have.members(policies);
    }
  });

  it('R08: pinning an image does not move it under other policies', () => {
    expect(nameOf(IMAGE)).to.equal(nameOf(USE));
  });

  it('R05: tag and digest take no part in matching', () => {
    const policy = policyOf({ match: { images: ['registry.example.com/shop/web'] }, require: {} });
    expect(selectPolicies([policy], nameOf(IMAGE), found({})).applying).to.deep.equal([policy]);
  });

  it('B09: a namespace outside the selector is not judged', () => {
    expect(selectPolicies([inProd], nameOf(USE), found({ env: 'dev' })).applying).to.be.empty;
  });

  for (const [title, labels, transient] of [
    ['could not be read', UNKNOWN_FACT, true],
    ['is not there', ABSENT, false],
  ] as const) {
    it(`B09: a namespace that ${title} loosens nothing`, () => {
      const verdict = verdictOf([inProd], { labels });
      expect(inShort(verdict)).to.equal('unknown NamespaceUnknown');
      expect(verdict.findings[0]?.transient).to.equal(transient);
      expect(inShort(verdictOf([everywhere], { labels }))).to.equal('deny NotPinned');
    });
  }

  it('B09: only onUnknown allows an unknown namespace', () => {
    const lenient: CompiledPolicy = { ...inProd, onUnknown: 'Allow' };
    expect(inShort(verdictOf([lenient], { labels: UNKNOWN_FACT }))).to.equal('allow NamespaceUnknown');
  });
});

describe('images without a policy, and texts that are no image reference', () => {
  for (const [setting, verdict] of [
    ['Allow', 'allow UnmatchedImage'],
    ['Warn', 'warn UnmatchedImage'],
    ['Deny', 'deny UnmatchedImage'],
  ] as const) {
    it(`unmatchedImages ${setting}: ${verdict}`, () => {
      expect(inShort(decideUnmatched(setting))).to.equal(verdict);
    });
  }

  const of = (enforcement: string) => policyOf({ enforcement, require: {} });
  for (const [title, policies, verdict] of [
    ['Deny decides over Audit and Warn', [of('Audit'), of('Deny'), of('Warn')], 'deny InvalidReference'],
    ['Warn decides over Audit', [of('Audit'), of('Warn')], 'warn InvalidReference'],
    ['Audit allows the image, and reports', [of('Audit')], 'allow InvalidReference'],
    ['without policies every image is allowed', [], 'allow'],
  ] as const) {
    it(`text that is no reference: ${title}`, () => {
      expect(inShort(decideUnreadable(policies, 'is broken'))).to.equal(verdict);
    });
  }
});

describe('decide, laws', () => {
  const STRICTNESS: readonly Verdict['kind'][] = ['allow', 'warn', 'unknown', 'deny'];
  const strictness = ({ kind }: Verdict) => STRICTNESS.indexOf(kind);

  const requirements: readonly WrittenSpec[] = [
    {},
    { digest: {} },
    { signatures: { from: ['release', 'ci'], atLeast: 2 } },
    { signatures: { from: ['ci'] }, lifecycle: { refuse: 'EndOfSupport' } },
    { quarantine: { releasedBy: ['release'] } },
    { quarantine: {}, lifecycle: { required: true } },
    { digest: {}, lifecycle: { gracePeriod: '48h' } },
  ];
  const matches: readonly WrittenSpec[] = [
    { images: ['**'] },
    { images: ['other.example.com/**'] },
    { images: ['**'], namespaceSelector: { matchLabels: { env: 'prod' } } },
  ];
  const every = requirements.flatMap((require) =>
    matches.map((match) => policyOf({ authorities, match, require })),
  );
  const policies = fc.array(
    fc
      .record({
        policy: fc.constantFrom(...every),
        enforcement: fc.constantFrom('Deny' as const, 'Warn' as const, 'Audit' as const),
        onUnknown: fc.constantFrom('Deny' as const, 'Warn' as const, 'Allow' as const),
      })
      .map(({ policy, ...modes }): CompiledPolicy => ({ ...policy, ...modes })),
    { maxLength: 4 },
  );
  const factOf = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Fact<T>> =>
    fc.oneof(fc.constant<Fact<T>>(UNKNOWN_FACT), fc.constant<Fact<T>>(ABSENT), value.map(found));
  const dates = fc.constantFrom('2020-01-01', '2026-06-14', '2026-06-20', '2040-01-01', 'soon');
  const evidence: fc.Arbitrary<Evidence> = fc.record({
    image: fc.constant(IMAGE),
    manifest: factOf(
      dates.map((date) => ({
        ...(evidenceOf().manifest as Extract<Evidence['manifest'], { state: 'found' }>).value,
        annotations: { 'dev.pratique.lifecycle.end-of-life': date },
      })),
    ),
    referrers: factOf(
      fc.subarray([
        referrerOf('application/vnd.pratique.quarantine.v1+json'),
        { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true } as const,
      ]),
    ),
    signatures: factOf(
      fc.subarray([
        provenBy(key),
        provenBy(other),
        releasedBy(key),
        { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true } as const,
      ]),
    ),
    children: fc.constant(ABSENT),
    successor: fc.constant<Evidence['successor']>(ABSENT),
  });
  const labels = fc.constantFrom(found({ env: 'prod' }), found({}), ABSENT, UNKNOWN_FACT);
  const asked = fc.record({ evidence, labels, use: fc.constantFrom(USE, IMAGE) });

  it('adding a policy never loosens a verdict', () => {
    fc.assert(
      fc.property(policies, policies, asked, (some, more, given) => {
        const before = strictness(verdictOf(some, given));
        expect(strictness(verdictOf([...some, ...more], given))).to.be.at.least(before);
      }),
      { numRuns: 300 },
    );
  });

  it('unknown becomes allow only if the policy sets that', () => {
    fc.assert(
      fc.property(policies, asked, (given, about) => {
        const strict = given.map((policy): CompiledPolicy => ({
          ...policy,
          enforcement: 'Deny',
          onUnknown: 'Deny',
        }));
        const { kind, findings } = verdictOf(strict, about);
        if (findings.some((finding) => finding.kind === 'unknown'))
          expect(['unknown', 'deny']).to.include(kind);
      }),
      { numRuns: 300 },
    );
  });

  it('an unknown fact is never better than a known one', () => {
    fc.assert(
      fc.property(
        policies,
        asked,
        fc.constantFrom('manifest', 'referrers', 'signatures'),
        (given, about, fact) => {
          const strict = given.map((policy): CompiledPolicy => ({ ...policy, onUnknown: 'Deny' }));
          // A digest that is proven to be signed needs no manifest. Whether the image exists is a different check.
          fc.pre(about.evidence.manifest.state !== 'absent');
          const known = verdictOf(strict, about);
          const unreadable = verdictOf(strict, {
            ...about,
            evidence: { ...about.evidence, [fact]: UNKNOWN_FACT },
          });
          if (unreadable.kind === 'allow') expect(known.kind).to.equal('allow');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('the order of policies changes nothing', () => {
    fc.assert(
      fc.property(policies, asked, (given, about) => {
        expect(verdictOf(given.toReversed(), about).kind).to.equal(verdictOf(given, about).kind);
      }),
      { numRuns: 200 },
    );
  });
});
