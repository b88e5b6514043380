import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  digestOf,
  formatReference,
  isPinned,
  isTag,
  nameOf,
  parseReference,
  pin,
  type ImageRef,
  folderOf,
  isFolder,
  parsePlace,
} from '../../../src/core/model/index.ts';
import { MAX_NAME_LENGTH, MAX_REFERENCE_LENGTH } from '../../../src/core/model/reference.ts';

const sha = digestOf('a');
const long = digestOf('a', 'sha512');
const full = (text: string): string => {
  const ref = parseReference(text);
  return ref.ok ? formatReference(ref.value) : `refused: ${ref.problems[0]?.message ?? ''}`;
};
const isRefused = (text: string): boolean => !parseReference(text).ok;

describe('reference', () => {
  const readings: readonly [title: string, text: string, full: string][] = [
    ['R04: a bare name is an official Docker Hub image', 'nginx', 'docker.io/library/nginx:latest'],
    ['R04: the long form is the short form', 'docker.io/library/nginx:latest', full('nginx')],
    ['R04: library/ may be left out behind the host', 'docker.io/nginx', full('nginx')],
    ['R04: the other names of Docker Hub are the same', 'index.docker.io/nginx', full('nginx')],
    ['R04: the API host of Docker Hub is the same', 'registry-1.docker.io/library/nginx', full('nginx')],
    ['R04: a user on Docker Hub', 'acme/web:1', 'docker.io/acme/web:1'],
    ['R04: a digest needs no tag', `nginx@${sha}`, `docker.io/library/nginx@${sha}`],
    ['tag and digest are both kept', `a.io/web:1@${sha}`, `a.io/web:1@${sha}`],
    ['sha512 is read', `a.io/web@${long}`, `a.io/web@${long}`],
    ['a dot makes a host', 'registry.example.com/web', 'registry.example.com/web:latest'],
    ['a port makes a host', 'registry:5000/web', 'registry:5000/web:latest'],
    ['localhost is a host', 'localhost/web', 'localhost/web:latest'],
    ['a name and a number without path is a tag', 'localhost:5000', 'docker.io/library/localhost:5000'],
    ['R02: upper case in a host is lowered', 'Registry.EXAMPLE.com/web', 'registry.example.com/web:latest'],
    ['R02: LOCALHOST is localhost', 'LOCALHOST/web', 'localhost/web:latest'],
    ['R02: an IPv6 host with port', '[::1]:5000/web:1', '[::1]:5000/web:1'],
    ['R02: an IPv6 host in another spelling', '[2001:0db8:0::1]:5000/web', '[2001:db8::1]:5000/web:latest'],
    ['R02: an IPv6 host without port', '[2001:DB8::1]/web', '[2001:db8::1]/web:latest'],
    ['R02: an IPv4 host', '127.0.0.1:5000/web', '127.0.0.1:5000/web:latest'],
    ['R02: a host that looks like another host is kept', 'evilexample.com/web', 'evilexample.com/web:latest'],
    [
      'R01: a trusted host inside the path of another host is only a path',
      'evil.io/registry.example.com/web',
      'evil.io/registry.example.com/web:latest',
    ],
    [
      'R01: a trusted host inside a Docker Hub path is only a path',
      'evil/registry.example.com/web',
      'docker.io/evil/registry.example.com/web:latest',
    ],
    ['deep paths', 'a.io/b/c__d/e--f/g.h_i', 'a.io/b/c__d/e--f/g.h_i:latest'],
  ];
  for (const [title, text, expected] of readings) {
    it(title, () => {
      expect(full(text)).to.equal(expected);
    });
  }

  const refusals: readonly [title: string, text: string][] = [
    ['nothing', ''],
    ['only a host', 'registry.example.com/'],
    ['only a tag', ':1'],
    ['only a digest', `@${sha}`],
    ['an empty tag', 'nginx:'],
    ['a tag of 129 characters', `nginx:${'a'.repeat(129)}`],
    ['a tag that begins with a dot', 'nginx:.1'],
    ['two tags', 'a.io/nginx:1:2'],
    ['R01: a user in front of the host', `registry.example.com@evil.io/web`],
    ['R02: a trailing dot after the host', 'registry.example.com./web'],
    ['R02: upper case that would only look like a host', 'Acme/web'],
    ['R02: a port above 65535', 'a.io:65536/web'],
    ['R02: a port with a zero in front', 'a.io:0443/web'],
    ['R02: port 0', 'a.io:0/web'],
    ['R02: a port that is no number', 'a.io:http/web'],
    ['R02: an empty host label', 'a..io/web'],
    ['R02: a host label that ends with a hyphen', 'a-.io/web'],
    ['R02: an IPv6 host without closing bracket', '[::1/web'],
    ['R02: brackets around no address', '[1]/web'],
    ['R02: an address in its short form', '127.1/web'],
    ['R02: an address in hex', '0x7f.0.0.1:5000/web'],
    ['R02: an address that is none', '999.1.1.1/web'],
    ['R02: an IPv6 zone', '[fe80::1%25eth0]/web'],
    ['R03: a short digest', 'nginx@sha256:abc'],
    ['R03: an upper-case digest', `nginx@${sha.toUpperCase()}`],
    ['R03: upper-case hex', `nginx@sha256:${sha.slice(7).toUpperCase()}`],
    ['R03: an unknown algorithm', `nginx@md5:${'a'.repeat(32)}`],
    ['R03: a sha512 of sha256 length', `nginx@sha512:${sha.slice(7)}`],
    ['R03: two digests', `nginx@${sha}@${sha}`],
    ['R03: a digest and then a tag', `nginx@${sha}:1`],
    ['R03: an empty digest', 'nginx@'],
    ['R06: a selector in brackets in front', '[trusted]registry.example.com/web'],
    ['R06: a scheme', 'https://registry.example.com/web'],
    ['R07: a space', 'nginx latest'],
    ['R07: a line break at the end', 'nginx\n'],
    ['R07: a line break in the tag', 'nginx:1\n'],
    ['R07: a letter of another alphabet', 'nginх'],
    ['R07: a host in another alphabet', 'rеgistry.example.com/web'],
    ['R07: a Kelvin sign in the host, of which k is the lower case', '\u212aubernetes.example.com/web'],
    ['R07: percent-encoding', 'a.io/web%2Fx'],
    ['R07: a query', 'a.io/web?x=1'],
    ['R07: dots that climb', 'a.io/../web'],
    ['R07: a doubled slash', 'a.io//web'],
    ['R07: a zero byte', 'nginx\0'],
    ['R07: upper case in the path', 'a.io/Web'],
    ['R07: a megabyte', 'a'.repeat(1_000_000)],
  ];
  for (const [title, text] of refusals) {
    it(`refuses ${title}`.replace(/^(refuses )(R\d\d: )/, '$2$1'), () => {
      expect(isRefused(text)).to.be.true;
    });
  }

  it('R07: a name may have 255 characters, including implied parts, and not one more', () => {
    const implied = 'docker.io/library/'.length;
    expect(isRefused('a'.repeat(MAX_NAME_LENGTH - implied))).to.be.false;
    expect(isRefused('a'.repeat(MAX_NAME_LENGTH - implied + 1))).to.be.true;
  });

  it('the longest name, tag and digest together are accepted', () => {
    const text = `a.io/${'b'.repeat(250)}:${'c'.repeat(128)}@${long}`;
    expect(text).to.have.lengthOf(MAX_REFERENCE_LENGTH);
    expect(isRefused(text)).to.be.false;
  });

  it('the name leaves out tag and digest', () => {
    const ref = parseReference(`a.io/web:1@${sha}`);
    expect(ref.ok && nameOf(ref.value)).to.equal('a.io/web');
  });

  it('pinning keeps the tag', () => {
    const ref: ImageRef = { registry: 'a.io', repository: 'web', tag: '1' };
    expect(isPinned(ref)).to.be.false;
    expect(isPinned(pin(ref, sha))).to.be.true;
    expect(formatReference(pin(ref, sha))).to.equal(`a.io/web:1@${sha}`);
  });

  it('knows a tag', () => {
    expect(['1', 'v1.2-rc_3', '_'].every(isTag)).to.be.true;
    expect(['', '-1', '.1', 'a/b', 'a:b', 'a b'].some(isTag)).to.be.false;
  });
});

describe('reference, laws', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,5}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
  const host = fc.stringMatching(/^[a-z0-9]{1,6}\.[a-z]{2,4}(?::[1-9]\d{0,3})?$/);
  const written = fc
    .record({
      host: fc.option(fc.oneof(host, fc.constantFrom('localhost', 'docker.io', '[::1]:5000', 'EXAMPLE.com'))),
      path: fc.array(component, { minLength: 1, maxLength: 4 }),
      tag: fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/)),
      digest: fc.option(fc.constantFrom(sha, long)),
    })
    .map(
      ({ host, path, tag, digest }) =>
        // Without a host the first component must not look like one.
        (host === null ? path.join('/').replaceAll('.', '') : `${host}/${path.join('/')}`) +
        (tag === null ? '' : `:${tag}`) +
        (digest === null ? '' : `@${digest}`),
    );

  it('parse after format returns the same reference', () => {
    fc.assert(
      fc.property(written, (text) => {
        const ref = parseReference(text);
        if (!ref.ok) throw new Error(`${text}: ${ref.problems[0]?.message ?? ''}`);
        expect(parseReference(formatReference(ref.value))).to.deep.equal(ref);
      }),
    );
  });

  it('every accepted text is the same reference when written in full', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[aB.:/@[\]_-]{1,12}$/), (text) => {
        const ref = parseReference(text);
        if (ref.ok) expect(parseReference(formatReference(ref.value))).to.deep.equal(ref);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseReference(text).ok === 'boolean'));
  });
});

describe('a place that a person names', () => {
  for (const [text, folder, rest] of [
    ['oci:./export', './export', {}],
    ['oci:/media/usb/export', '/media/usb/export', {}],
    ['oci:../a/b', '../a/b', {}],
    ['oci:./../../a', '../../a', {}],
    ['oci:.//a/./b/', './a/b', {}],
    ['oci:./A folder', './A folder', {}],
    ['oci:./export:1.0', './export', { tag: '1.0' }],
    [`oci:./export:1.0@${sha}`, './export', { tag: '1.0', digest: sha }],
  ] as const)
    it(`is the folder ${folder} when it is ${text.slice(0, 24)}, which pods cannot name`, () => {
      const read = parsePlace(text);
      if (!read.ok) throw new Error(read.problems[0]?.message);
      const { registry, repository, ...pins } = read.value;
      expect(folderOf({ registry, repository })).to.equal(folder);
      expect(pins).to.deep.equal(rest);
      expect(parsePlace(formatReference(read.value))).to.deep.equal(read);
      expect(parseReference(text).ok).to.equal(false);
    });

  for (const text of [
    ...[
      'oci:',
      'oci:.',
      'oci:..',
      'oci:./',
      'oci:/',
      'oci:./..',
      'oci:/../a',
      'oci:./a/../../b',
      'oci:a',
      'oci:.a/b',
    ],
    ...[
      'oci://registry.example.com/a',
      'oci:./a\nb',
      'oci:./a\0',
      'oci:./a:b/c',
      'oci:./a@sha256:1',
      'oci:./a@b',
      `oci:./${'a'.repeat(600)}`,
    ],
  ])
    it(`is none when it is ${JSON.stringify(text).slice(0, 30)}`, () => {
      expect(parsePlace(text).ok).to.equal(false);
    });

  it('is named as a folder where only images of registries are read', () => {
    for (const text of ['oci:./export', 'oci:./export:1.4.2', 'oci:../a', 'oci:/media/usb', 'oci:.']) {
      const read = parseReference(text);
      expect(read.ok ? '' : read.problems[0]?.message, text)
        .to.include('folder')
        .and.to.include('plan');
    }
  });

  it('is a registry of that name where a port follows', () => {
    const read = parsePlace('oci:5000/a');
    expect(read).to.deep.equal(parseReference('oci:5000/a'));
    expect(read.ok && isFolder(read.value)).to.equal(false);
  });
});
