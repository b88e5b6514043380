import { expect } from 'chai';
import { brokenPolicy, selectPolicies } from '../../../src/core/policy/index.ts';
import {
  UNKNOWN_FACT,
  found,
  inShort,
  policyDocument,
  verdictOf,
  type WrittenSpec,
} from '../../support/policies.ts';

const PROBLEMS = [
  { path: 'spec.authorities[0].key.secretRef', message: 'Secret release has no key cosign.pub' },
];

const broken = (spec: WrittenSpec) => brokenPolicy('production', policyDocument(spec), PROBLEMS);

describe('a policy that never compiled', () => {
  it('leaves its images unknown, and reports why', () => {
    const verdict = verdictOf([broken({})]);
    expect(inShort(verdict)).to.equal('unknown PolicyBroken');
    expect(verdict.findings[0]?.found).to.include('Secret release has no key cosign.pub');
    expect(verdict.findings[0]?.policy).to.equal('production');
  });

  for (const [enforcement, onUnknown, kind] of [
    ['Deny', 'Deny', 'unknown'],
    ['Deny', 'Warn', 'warn'],
    ['Deny', 'Allow', 'allow'],
    ['Warn', 'Deny', 'warn'],
    ['Audit', 'Deny', 'allow'],
  ] as const) {
    it(`keeps its enforcement: ${enforcement}, onUnknown ${onUnknown} is ${kind}`, () => {
      expect(verdictOf([broken({ enforcement, onUnknown })]).kind).to.equal(kind);
    });
  }

  it('pins digests if that field is readable, and otherwise changes no object', () => {
    expect(
      [true, false, 'true', undefined].map((pinDigests) => broken({ pinDigests }).pinDigests),
    ).to.deep.equal([true, false, false, false]);
  });

  it('applies only to its own images and namespaces', () => {
    const match = {
      images: ['registry.example.com/**'],
      excludeImages: ['registry.example.com/sandbox/**'],
      namespaceSelector: { matchLabels: { env: 'production' } },
    };
    const policies = [broken({ match })];
    const applies = (image: string, env: string) =>
      selectPolicies(policies, image, found({ env })).applying.length === 1;
    expect(applies('registry.example.com/shop/web', 'production')).to.equal(true);
    expect(applies('registry.example.com/sandbox/web', 'production')).to.equal(false);
    expect(applies('registry.example.com/shop/web', 'test')).to.equal(false);
    expect(selectPolicies(policies, 'registry.example.com/shop/web', UNKNOWN_FACT).undecided).to.have.length(
      1,
    );
  });

  for (const [what, document] of [
    ['patterns that are none', policyDocument({ match: { images: ['a{b'] } })],
    ['no match at all', policyDocument({ match: undefined })],
    ['an unreadable selector', policyDocument({ match: { images: ['a'], namespaceSelector: 'all' } })],
    ['no spec', { metadata: { name: 'production' } }],
    ['nothing', null],
  ] as const) {
    it(`covers every image when it has ${what}, and denies`, () => {
      const policy = brokenPolicy('production', document, PROBLEMS);
      expect(inShort(verdictOf([policy]))).to.equal('unknown PolicyBroken');
    });
  }
});
