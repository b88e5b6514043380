import { expect } from 'chai';
import { nameOf, parseReference, type Problem } from '../../../src/core/model/index.ts';
import { compilePolicy, imagePolicyCrd } from '../../../src/core/policy/index.ts';
import { compileGrants, promotionCrds } from '../../../src/core/promotion/index.ts';
import { NO_ROOTS, policyDocument, policyOf } from '../../support/policies.ts';

const problemsOf = (match: object, require: object = {}): readonly Problem[] => {
  const policy = compilePolicy(policyDocument({ match, require }), {
    material: () => undefined,
    roots: NO_ROOTS,
  });
  return policy.ok ? [] : policy.problems;
};
const problemOf = (pattern: string): string => problemsOf({ images: [pattern] })[0]?.message ?? '';

/** What is refused, and the form that works, as the message names it. */
const REFUSED: readonly (readonly [pattern: string, form: RegExp])[] = [
  ...['ghcr.io', 'ghcr.io*', 'quay.io**', 'GHCR.io', '*.io', '*.example.com', '.*', 'a.io?'].map(
    (pattern) => [pattern, /HOST\/\*\*/] as const,
  ),
  ...['localhost', 'localhost*', 'localhost**', 'localhost:5000', 'localhost:*', '[::1]', '[::1]:5000'].map(
    (pattern) => [pattern, /HOST\/\*\*/] as const,
  ),
  ...['registry.example.com:5000', 'registry.example.com:*', 'docker.io', 'index.docker.io'].map(
    (pattern) => [pattern, /HOST\/\*\*/] as const,
  ),
  ...['registry:5000', '*:5000', 'nginx:1.25', 'nginx:*', 'a.io/web:1.4', 'a.io:5000/web:1'].map(
    (pattern) => [pattern, /leave out the tag/] as const,
  ),
  ...['*', '?', '???', '?*', '*?', '*demo*', '*demo', '?nginx', '**demo', '**demo**', '***'].map(
    (pattern) => [pattern, /"\*\*" for every image, or "\*\*\/NAME\*"/] as const,
  ),
  ...[
    'a.io/team**',
    'a.io/**foo',
    'a.io/**foo/x',
    'a**/b',
    'a.io/***',
    'a.io/x**y/z',
    '**.io/**',
    'a.io**/b',
  ].map((pattern) => [pattern, /HOST\/TEAM\/\*\* .*HOST\/TEAM\*\/\*\*/] as const),
  ...['a.io/', 'a.io/team/', 'a.io/**/', '/a.io/**', '//', 'a.io//web', '**/', '/', '/**'].map(
    (pattern) => [pattern, /empty component/] as const,
  ),
  ...[
    'gh*/team/**',
    'registry*/web',
    'ghcr?io/**',
    'localhost*/**',
    'localhost?5000/**',
    '?/web',
    '??.?/x',
    'acme*/*',
  ].flatMap((pattern) => (pattern.includes('.') ? [] : [[pattern, /docker\.io\/NAME\*/] as const])),
  ...['*.docker.io/**', 'registry-?.docker.io/library/*', '*.docker.com/**'].map(
    (pattern) => [pattern, /docker\.io\/\*\*/] as const,
  ),
  ...['https://ghcr.io/**', 'docker://nginx', 'oci://a.io/web', '://x'].map(
    (pattern) => [pattern, /leave out the scheme/] as const,
  ),
  ...[`a.io/web@sha256:${'a'.repeat(64)}`, 'a.io/web:1@sha256:*', '**@sha256:*'].map(
    (pattern) => [pattern, /leave out the digest/] as const,
  ),
  ...['a.io/Team/**', 'a.io/*/Web', 'Acme/web', 'Nginx', 'LOCALHOST/web', '*Acme/web'].map(
    (pattern) => [pattern, /lower case/] as const,
  ),
  ...[
    'a.io/../**',
    'a.io/./**',
    'a.io./**',
    '-a.io/**',
    'a.io/web-',
    'a.io/a..b',
    'a.io/.*',
    'a.io/_x',
    'a.io/x/_',
  ].map((pattern) => [pattern, /HOST\/PATH/] as const),
  ...['a.io:http/**', 'a.io:/web', 'a.io:0/web', 'a.io/team:1/web', '**/a.io:5000/**'].map(
    (pattern) => [pattern, /HOST\/PATH/] as const,
  ),
  ...[
    ' ',
    ' a.io/**',
    'a.io/** ',
    'a.io/**\t',
    'a.io/**,b.io/**',
    '!a.io/**',
    '^a.io/.*$',
    'ghcr,io/**',
    'a.io/%2a',
    'ａ.io/**',
  ].map((pattern) => [pattern, /may hold letters/] as const),
];

/** What is accepted, with a name that it covers. */
const ACCEPTED: readonly (readonly [pattern: string, image: string])[] = [
  ['**', 'nginx'],
  ['**/*demo*', 'a.io/team/my-demo'],
  ['**/demo/**', 'a.io/demo/web'],
  ['*/**', 'a.io/web'],
  ['*/*', 'a.io/web'],
  ['*.io/**', 'ghcr.io/acme/web'],
  ['*hcr.io/**', 'ghcr.io/acme/web'],
  ['ghcr.io/**', 'ghcr.io/acme/web'],
  ['GHCR.io/**', 'ghcr.io/acme/web'],
  ['ghcr.io/team*/**', 'ghcr.io/team-a/web'],
  ['ghcr.io/acme', 'ghcr.io/acme'],
  ['ghcr.io/**/web', 'ghcr.io/acme/web'],
  ['ghcr.*/acme/*', 'ghcr.io/acme/web'],
  ['localhost/**', 'localhost/web'],
  ['localhost:5000/**', 'localhost:5000/web'],
  ['localhost:*/**', 'localhost:5000/web'],
  ['registry.example.com:5000/**', 'registry.example.com:5000/web'],
  ['[::1]:5000/**', '[::1]:5000/web'],
  ['nginx', 'nginx'],
  ['nginx*', 'nginx-unprivileged'],
  ['library/nginx', 'nginx'],
  ['docker.io/nginx', 'nginx'],
  ['docker.io/acme*/**', 'acme-labs/web'],
  ['index.docker.io/**', 'acme/web'],
  ['*docker.io/**', 'acme/web'],
  ['acme/*', 'acme/web'],
  ['a.io/my__app', 'a.io/my__app'],
  ['a.io/my---app*', 'a.io/my---app'],
  ['xn--bcher-kva.example/**', 'xn--bcher-kva.example/web'],
];

/** The rules that the API server applies to the elements of a list of globs, as it would apply them. */
function refusedByApi(rules: readonly { readonly rule: string }[], pattern: string): boolean {
  return !rules.every(({ rule }) => {
    const [, not, expression = ''] = /^(!?)self\.matches\((".*")\)$/.exec(rule) ?? [];
    return new RegExp(JSON.parse(expression) as string).test(pattern) !== (not === '!');
  });
}

/** The rules of every list of globs in a definition, by its path. */
function globRules(
  node: unknown,
  path = '',
): readonly (readonly [string, readonly { readonly rule: string }[]])[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([name, value]: [string, unknown]) => {
    const at = `${path}.${name}`;
    const isRules = name === 'x-kubernetes-validations' && JSON.stringify(value).includes('self.matches');
    return isRules ? [[path, value as readonly { readonly rule: string }[]] as const] : globRules(value, at);
  });
}

describe('a glob that covers less than it reads', () => {
  for (const [pattern, form] of REFUSED)
    it(`O06 ${JSON.stringify(pattern)} is refused, with the form that works`, () => {
      expect(problemOf(pattern)).to.match(form);
    });

  it('O06 nothing at all is refused', () => {
    expect(problemsOf({ images: [''] })).not.to.deep.equal([]);
  });

  for (const [pattern, image] of ACCEPTED)
    it(`O06 ${pattern} is accepted, and covers ${image}`, () => {
      const ref = parseReference(image);
      expect(problemOf(pattern)).to.equal('');
      expect(
        ref.ok && policyOf({ match: { images: [pattern] }, require: {} }).coversImage(nameOf(ref.value)),
      ).to.equal(true);
    });

  it('O06 is refused in every field that holds globs, by its path', () => {
    const exceptions = [{ id: 'CVE-2026-1', reason: 'none', images: ['ghcr.io'] }];
    const require = {
      quarantine: { images: ['ghcr.io'] },
      vulnerabilities: { trust: 'Unsigned', exceptions },
    };
    const found = problemsOf({ images: ['**', 'ghcr.io'], excludeImages: ['ghcr.io'] }, require);
    expect(found.map(({ path }) => path)).to.have.members([
      'spec.match.images[1]',
      'spec.match.excludeImages[0]',
      'spec.require.quarantine.images[0]',
      'spec.require.vulnerabilities.exceptions[0].images[0]',
    ]);
  });

  it('O06 is refused in the grants of the settings, by its path', () => {
    const grant = { namespaces: ['platform'], repositories: ['**', 'ghcr.io'], access: ['Read'] } as const;
    const found = compileGrants([
      {
        ...grant,
        namespaces: [...grant.namespaces],
        repositories: [...grant.repositories],
        access: [...grant.access],
      },
    ]);
    expect(found.ok ? [] : found.problems.map(({ path }) => path)).to.deep.equal([
      'promotions.grants[0].repositories[1]',
    ]);
  });

  it('O06 every pattern that is accepted covers each name in full that it matches as it is written', () => {
    const parts = [
      '**',
      '*',
      '?',
      'a',
      'a*',
      '*a',
      'a.io',
      '*.io',
      'a.i?',
      'a**',
      'localhost',
      'a:5',
      'docker.io',
    ];
    const patterns = parts.flatMap((one) => [
      one,
      ...parts.flatMap((two) => [`${one}/${two}`, ...parts.map((three) => `${one}/${two}/${three}`)]),
    ]);
    const hosts = ['a.io', 'b.io', 'aa.io', 'a:5', 'localhost', 'localhost:5', 'docker.io'];
    const names = hosts.flatMap((host) => {
      const below = ['library/a', 'a/a', 'b/a', 'a/b/a', 'a.io/a'].map((path) => `${host}/${path}`);
      return host === 'docker.io' ? below : [`${host}/a`, `${host}/b`, ...below];
    });
    let accepted = 0;
    for (const pattern of patterns) {
      if (problemOf(pattern) !== '') continue;
      accepted += 1;
      const policy = policyOf({ match: { images: [pattern] }, require: {} });
      const source = pattern
        .replaceAll('.', String.raw`\.`)
        .replaceAll('?', '[^/]')
        .replaceAll('**', '\0')
        .replaceAll('*', '[^/]*')
        .replaceAll('\0', '.+');
      const reads = new RegExp(`^${source}$`);
      for (const name of names.filter((one) => reads.test(one)))
        expect(policy.coversImage(name), `${pattern} ${name}`).to.equal(true);
    }
    expect(accepted).to.be.greaterThan(500);
  });
});

describe('the definitions at the API server', () => {
  const definitions = [imagePolicyCrd(), ...promotionCrds()];
  const fields = definitions.flatMap((crd) => globRules(crd));

  it('O07 have rules for every list of globs', () => {
    const paths = fields.map(([path]) => path.replace(/\.properties|\.items|^.*openAPIV3Schema/g, ''));
    expect(paths).to.have.members([
      '.spec.match.images',
      '.spec.match.excludeImages',
      '.spec.require.quarantine.images',
      '.spec.require.vulnerabilities.exceptions.images',
      '.spec.promote.scan.exceptions.images',
      '.spec.template.promote.scan.exceptions.images',
    ]);
  });

  it('O07 refuse each pattern that is not compiled, and no other', () => {
    for (const [path, rules] of fields) {
      for (const [pattern] of REFUSED)
        expect(refusedByApi(rules, pattern), `${path} ${pattern}`).to.equal(true);
      for (const [pattern] of ACCEPTED)
        expect(refusedByApi(rules, pattern), `${path} ${pattern}`).to.equal(false);
    }
  });
});
