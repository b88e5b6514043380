import { createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { parsed } from '../../../src/core/model/index.ts';
import { compilePolicy, type Given } from '../../../src/core/policy/index.ts';
import { authority, NO_ROOTS, policyDocument, type WrittenSpec } from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';
import { ISSUER, keylessAuthority, SUBJECT } from './proven.ts';

const key = signingKey();
const jwk = createPublicKey(key.pem).export({ format: 'jwk' });
const privateJwk = key.privateKey.export({ format: 'jwk' });
const inRoot = { secretRef: { name: 'root', key: 'json' } };

const given: Given = {
  material: ({ kind, name }) => (kind === 'Secret' && name === 'root' ? '{}' : undefined),
  roots: {
    ...NO_ROOTS,
    read: (json, source) => ({
      ok: false,
      problems: [
        { path: 'tlogs[0].logId', message: 'is missing' },
        { path: '', message: `is no trust root (${source}, ${json})` },
      ],
    }),
  },
};

/** Problems of a policy with these authorities, one a line; empty when there is none. */
function problems(authorities: readonly WrittenSpec[], with_ = given): readonly string[] {
  const compiled = compilePolicy(policyDocument({ authorities, require: {} }), with_);
  return compiled.ok ? [] : compiled.problems.map(({ path, message }) => `${path} ${message}`);
}

const keyless = (identity: WrittenSpec = {}, rest: WrittenSpec = {}) =>
  keylessAuthority('ci', identity, rest);
const keyed = (rest: WrittenSpec = {}) => ({ ...authority('ci', key), ...rest });
const at = 'spec.authorities[0]';

describe('authorities, refused', () => {
  const table: readonly [title: string, written: WrittenSpec, path: string][] = [
    ['neither key nor identity', { name: 'ci' }, at],
    ['both key and identity', keyed({ keyless: { issuer: ISSUER, subject: SUBJECT } }), at],
    ['a key of no kind', { name: 'ci', key: {} }, `${at}.key`],
    ['a key of two kinds', { name: 'ci', key: { pem: key.pem, ...inRoot } }, `${at}.key`],
    ['neither subject nor pattern', { name: 'ci', keyless: { issuer: ISSUER } }, `${at}.keyless`],
    ['both subject and pattern', keyless({ subject: SUBJECT, subjectPattern: '^a$' }), `${at}.keyless`],
    ['an empty issuer', keyless({ issuer: '' }), `${at}.keyless.issuer`],
    ['no issuer', keyless({ issuer: undefined }), `${at}.keyless.issuer`],
    ['an empty subject', keyless({ subject: '' }), `${at}.keyless.subject`],
    ['a pattern without begin', keyless({ subjectPattern: '.*a$' }), `${at}.keyless.subjectPattern`],
    ['a pattern without end', keyless({ subjectPattern: '^a.*' }), `${at}.keyless.subjectPattern`],
    ['a pattern that is none', keyless({ subjectPattern: '^(a$' }), `${at}.keyless.subjectPattern`],
    [
      'a pattern with a back-reference',
      keyless({ subjectPattern: '^(a)\\1$' }),
      `${at}.keyless.subjectPattern`,
    ],
    ['an unknown claim', keyless({ claims: { actor: 'x' } }), `${at}.keyless.claims`],
    ['an empty claim', keyless({ claims: { buildTrigger: '' } }), `${at}.keyless.claims.buildTrigger`],
    ['a star in the issuer', keyless({ issuer: 'https://*.example.com' }), `${at}.keyless.issuer`],
    [
      'a star in the subject',
      keyless({ subject: 'https://github.com/acme/*/.github/workflows/*' }),
      `${at}.keyless.subject`,
    ],
    ['a star in an address', keyless({ subject: '*@acme.example' }), `${at}.keyless.subject`],
    [
      'a star in a claim',
      keyless({ claims: { sourceRepositoryRef: 'refs/tags/v*' } }),
      `${at}.keyless.claims.sourceRepositoryRef`,
    ],
    ['a root of no kind', keyless({}, { trustRoot: {} }), `${at}.trustRoot`],
    [
      'a missing root',
      keyless({}, { trustRoot: { configMapRef: { name: 'x', key: 'y' } } }),
      `${at}.trustRoot.configMapRef`,
    ],
    ['a root that nothing uses', keyed({ trustRoot: inRoot }), `${at}.trustRoot`],
    ['a repository with tag', keyed({ repository: 'registry.example.com/a:1' }), `${at}.repository`],
    [
      'a repository with digest',
      keyed({ repository: `registry.example.com/a@sha256:${'0'.repeat(64)}` }),
      `${at}.repository`,
    ],
    ['a repository that is none', keyed({ repository: 'registry.example.com/A b' }), `${at}.repository`],
    ['a private JWK', { name: 'ci', key: { pem: JSON.stringify(privateJwk) } }, `${at}.key.pem`],
    ['a broken JWK', { name: 'ci', key: { pem: JSON.stringify({ ...jwk, x: 'AA' }) } }, `${at}.key.pem`],
    ['a JWK that is no JSON', { name: 'ci', key: { pem: '{"kty":' } }, `${at}.key.pem`],
  ];
  for (const [title, written, path] of table) {
    it(title, () => {
      const [first = '', ...more] = problems([written]);
      expect(more).to.deep.equal([]);
      expect(first.split(' ')[0]).to.equal(path);
    });
  }

  it('the problem of an unreadable trust root names the position inside it', () => {
    const where = `${at}.trustRoot.secretRef`;
    expect(problems([keyless({}, { trustRoot: inRoot })])).to.deep.equal([
      `${where} tlogs[0].logId is missing`,
      `${where} is no trust root (Secret root/json, {})`,
    ]);
  });

  it('a star in the subject, with the field that takes patterns', () => {
    const [text = ''] = problems([keyless({ subject: 'https://github.com/acme/*' })]);
    expect(text).to.contain('has no "*"').and.to.contain('subjectPattern');
  });

  it('a private key is not repeated in the message', () => {
    const [text = ''] = problems([{ name: 'ci', key: { pem: JSON.stringify(privateJwk) } }]);
    expect(text).not.to.include(privateJwk.d);
  });

  it('S10: the same key under two names, also in two forms', () => {
    const again = { name: 'b', key: { pem: JSON.stringify(jwk) } };
    expect(problems([authority('a', key), again])).to.deep.equal([
      'spec.authorities[1].key is the same key as that of "a"',
    ]);
  });

  it('all problems of all authorities are reported at once', () => {
    const all = [
      keyless({ subjectPattern: '^(a$' }, { repository: 'a:1', trustRoot: inRoot }),
      { ...keyed(), name: 'ci' },
    ];
    expect(problems(all).map((text) => text.split(' ')[0])).to.have.members([
      `${at}.keyless.subjectPattern`,
      `${at}.trustRoot.secretRef`,
      `${at}.trustRoot.secretRef`,
      `${at}.repository`,
      'spec.authorities[1].name',
    ]);
  });
});

describe('authorities, accepted', () => {
  const reading: Given = {
    ...given,
    roots: { ...NO_ROOTS, read: (json) => parsed({ fingerprint: 'own', json }) },
  };
  for (const [title, written] of [
    ['a public JWK', { name: 'ci', key: { pem: JSON.stringify(jwk) } }],
    ['an identity', keyless()],
    ['a pattern', keyless({ subjectPattern: '^.*@acme[.]example$' })],
    ['a private trust root', keyless({}, { trustRoot: inRoot })],
    ['a root for a key that must be logged', keyed({ trustRoot: inRoot, transparencyLog: 'Required' })],
    ['a root for a key that must be timestamped', keyed({ trustRoot: inRoot, timestamps: 'Required' })],
    ['a repository on a port', keyed({ repository: 'registry.example.com:5000/signatures' })],
  ] as const) {
    it(title, () => {
      expect(problems([written], reading)).to.deep.equal([]);
    });
  }
});
