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

  for (const [pattern, covered, spared] of [
    ['ghcr.io', 'ghcr.io/acme/web', 'quay.io/acme/web'],
    ['ghcr.io*', 'ghcr.io/acme/web', 'quay.io/acme/web'],
    ['quay.io**', 'quay.io/acme/web', 'ghcr.io/acme/web'],
    ['localhost', 'localhost/acme/web', 'ghcr.io/localhost/web'],
    ['**demo**', 'ghcr.io/acme/my-demo/web', 'ghcr.io/acme/web'],
    ['*demo*', 'ghcr.io/acme/my-demo', 'ghcr.io/acme/web'],
    ['ghcr.io/team**', 'ghcr.io/team-a/web', 'ghcr.io/other/web'],
    ['gh*/team/**', 'ghcr.io/team/web', 'ghcr.io/other/web'],
  ] as const)
    it(`O06 stored with ${pattern} covers what that may be read as, and no other image`, () => {
      const images = ['registry.example.com/**', pattern];
      const match = { images, excludeImages: ['registry.example.com/test/**', 'registry.example.com/a**'] };
      const policy = broken({
        match: { ...match, namespaceSelector: { matchLabels: { env: 'production' } } },
      });
      const names = [covered, spared, 'registry.example.com/abc/web', 'registry.example.com/test/web'];
      expect(names.map(policy.coversImage)).to.deep.equal([true, false, true, false]);
      expect(policy.coversNamespace?.({ env: 'test' })).to.equal(false);
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
