import { expect } from 'chai';
import { nameOf, parseReference } from '../../../src/core/model/index.ts';
import { compilePolicy } from '../../../src/core/policy/index.ts';
import { NO_ROOTS, policyDocument, policyOf } from '../../support/policies.ts';
import { processorTime } from '../../support/processor-time.ts';

const covers = (pattern: string, image: string): boolean => {
  const ref = parseReference(image);
  if (!ref.ok) throw new Error(image);
  return policyOf({ match: { images: [pattern] }, require: {} }).coversImage(nameOf(ref.value));
};
const problems = (images: readonly string[]) => {
  const policy = compilePolicy(policyDocument({ match: { images }, require: {} }), {
    material: () => undefined,
    roots: NO_ROOTS,
  });
  return policy.ok ? [] : policy.problems.map(({ path }) => path);
};

const sha = `sha256:${'a'.repeat(64)}`;

describe('image glob', () => {
  const covered: readonly [title: string, pattern: string, image: string][] = [
    ['** covers everything', '**', 'nginx'],
    ['** behind a host crosses slashes', 'a.io/**', 'a.io/b/c/d'],
    ['* is one component', 'a.io/shop/*', 'a.io/shop/web'],
    ['* is a part of a component', 'a.io/shop/web-*', 'a.io/shop/web-front'],
    ['* is a part of a host', '*.example.com/**', 'eu.example.com/web'],
    ['* is a port', 'a.io:*/**', 'a.io:5000/web'],
    ['? is one character', 'a.io/web?', 'a.io/web1'],
    ['** in front', '**/quarantine/**', 'a.io/shop/quarantine/web'],
    ['** in front stands for a host alone, too', '**/quarantine/**', 'a.io/quarantine/web'],
    ['an IPv6 host', '[::1]:5000/**', '[::1]:5000/web'],
    ['an IPv6 host in another spelling', '[0:0::1]:5000/**', '[::1]:5000/web'],
    ['addresses that begin alike', '10.0.*/**', '10.0.3.4/web'],
    ['ports that begin alike', '10.*:50*/**', '10.0.3.4:5000/web'],
    ['R05: a tag changes nothing', 'a.io/web', 'a.io/web:1.4'],
    ['R05: a digest changes nothing', 'a.io/web', `a.io/web@${sha}`],
    ['R04: the short form covers the long form', 'nginx', 'docker.io/library/nginx'],
    ['R04: the long form covers the short form', 'docker.io/library/nginx', 'nginx'],
    ['R04: library/ may be left out behind the host', 'docker.io/nginx', 'nginx'],
    ['R04: docker.io/* is every official image', 'docker.io/*', 'nginx'],
    ['R04: docker.io/** is all of Docker Hub', 'docker.io/**', 'acme/web'],
    ['R04: another name of Docker Hub', 'index.docker.io/**', 'nginx'],
    ['R04: a user on Docker Hub', 'acme/*', 'docker.io/acme/web'],
    ['R02: upper case in the host of the pattern', 'A.IO/web', 'a.io/web'],
    ['R02: upper case in the host of the image', 'a.io/web', 'A.IO/web'],
    ['R02: the https port written out in the image', 'a.io/**', 'a.io:443/web'],
    ['R02: the https port written out in the pattern', 'a.io:443/**', 'a.io/web'],
    ['R02: the https port written out in both', 'a.io:443/**', 'a.io:443/web'],
    ['R02: any port, the https port among them', 'a.io:*/**', 'a.io:443/web'],
  ];
  for (const [title, pattern, image] of covered) {
    it(title, () => {
      expect(covers(pattern, image)).to.be.true;
    });
  }

  const spared: readonly [title: string, pattern: string, image: string][] = [
    ['R01: a host inside the path of another', 'a.io/**', 'evil.io/a.io/web'],
    ['R02: a host with something in front', 'example.com/**', 'evilexample.com/web'],
    ['R02: a host with something behind', 'example.com/**', 'example.com.evil.io/web'],
    ['R02: a subdomain pattern and the domain itself', '*.example.com/**', 'example.com/web'],
    ['R02: another port', 'a.io/**', 'a.io:5000/web'],
    ['R02: no port, when the pattern requires any port', 'a.io:*/**', 'a.io/web'],
    ['R02: a dot is a dot', 'a.io/**', 'axio/acme/web'],
    ['R04: a name that only begins the same', 'nginx', 'nginx-evil'],
    ['R04: the same name by another user', 'nginx', 'evil/nginx'],
    ['R05: * does not cross a slash', 'a.io/*', 'a.io/shop/web'],
    ['R05: * in a host does not cross into the path', '*.example.com/**', 'evil.io/x.example.com/web'],
    ['R05: ? is not a slash', 'a.io/b?c', 'a.io/b/c'],
    ['** behind a slash asks for at least one component', 'a.io/shop/**', 'a.io/shop'],
    ['quarantine as part of a word', '**/quarantine/**', 'a.io/no-quarantine/web'],
  ];
  for (const [title, pattern, image] of spared) {
    it(`does not cover: ${title}`.replace(/^(does not cover: )(R\d\d: )/, '$2$1'), () => {
      expect(covers(pattern, image)).to.be.false;
    });
  }

  for (const [title, pattern] of [
    ['R06: negation', '!a.io/**'],
    ['R06: braces', '{a,b}.io/**'],
    ['R06: an extended glob', '@(a|b).io/**'],
    ['R06: a character class', 'a.io/[ab]'],
    ['R06: a backslash', String.raw`a.io/\*`],
    ['a lone *, which would match no full name', '*'],
    ['R05: a tag', 'a.io/web:1.4'],
    ['R05: a tag with a wildcard', 'a.io/web:*'],
    ['R05: a digest', `a.io/web@${sha}`],
    ['R07: a letter of another alphabet', 'а.io/**'],
    ['R07: a space', ' a.io/**'],
    ['R07: a line break', 'a.io/**\n'],
    ['upper case in the path, which would match nothing', 'a.io/Shop/**'],
    ['a doubled slash, which would match nothing', 'a.io//**'],
    ['a slash at the end, which would match nothing', 'a.io/shop/'],
    ['a trailing dot after the host', 'a.io./**'],
    ['dots that climb', 'a.io/../**'],
    ['a port that is no number', 'a.io:http/**'],
  ] as const) {
    it(`refuses ${title}`.replace(/^(refuses )([A-Z]\d\d: )/, '$2$1'), () => {
      expect(problems(['a.io/**', pattern])).to.deep.equal(['spec.match.images[1]']);
    });
  }

  it('an image that is covered and excluded is not covered', () => {
    const policy = policyOf({
      match: { images: ['**'], excludeImages: ['a.io/test/**', 'nginx'] },
      require: {},
    });
    expect(['a.io/web', 'a.io/test/web', 'docker.io/library/nginx'].map(policy.coversImage)).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it('R07: many wildcards and a long name are matched fast: a name must not block the webhook', () => {
    const name = `a.io/${'a'.repeat(250)}`;
    const deep = `a.io/${'a/'.repeat(124)}a`;
    const worked = processorTime();
    expect(covers(`a.io/${'*a'.repeat(100)}b`, name)).to.be.false;
    expect(covers(`a.io/${'**/a*/'.repeat(30)}b`, deep)).to.be.false;
    expect(covers(`a.io/${'**/'.repeat(30)}**`, deep)).to.be.true;
    expect(worked()).to.be.below(1_000);
  });

  for (const [pattern, image, expected] of [
    ['a.io/**/web', 'a.io/web', true],
    ['a.io/**/web', 'a.io/x/y/web', true],
    ['a.io/**/web', 'a.io/x/webs', false],
    ['a.io/**/web/**', 'a.io/web/x/web', true],
    ['a.io/w*b*', 'a.io/web', true],
    ['a.io/*e*b', 'a.io/webeb', true],
    ['a.io/*e*b', 'a.io/webe', false],
    ['a.io/web?', 'a.io/web', false],
    ['a.io/we*/**', 'a.io/web/x', true],
    ['a.io/we*/**', 'a.io/web', false],
    ['a.io/*/**/x', 'a.io/b/x', true],
    ['a.io/*/**/x', 'a.io/x', false],
  ] as const) {
    it(`${pattern} ${expected ? 'covers' : 'does not cover'} ${image}`, () => {
      expect(covers(pattern, image)).to.equal(expected);
    });
  }
});
