import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { compilePolicy, type Material } from '../../../src/core/policy/index.ts';
import { createAuthority } from '../../support/certificates.ts';
import { authority, NO_ROOTS, policyDocument, type WrittenSpec } from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';

const key = signingKey();
const other = signingKey();

const paths = (document: unknown, material: Material = () => undefined): readonly string[] => {
  const policy = compilePolicy(document, { material, roots: NO_ROOTS });
  return policy.ok ? [] : policy.problems.map(({ path }) => path);
};
const specPaths = (spec: WrittenSpec, material?: Material) => paths(policyDocument(spec), material);
const keyProblem = (pem: string): string => {
  const policy = compilePolicy(policyDocument({ authorities: [{ name: 'a', key: { pem } }], require: {} }), {
    material: () => undefined,
    roots: NO_ROOTS,
  });
  return policy.ok ? 'accepted' : policy.problems.map(({ path, message }) => `${path} ${message}`).join();
};
const at = 'spec.authorities[0].key.pem';
const pemOf = (pair: { publicKey: { export(options: object): string | Buffer } }) =>
  pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();

describe('compile', () => {
  it('fills in the defaults', () => {
    const policy = compilePolicy(policyDocument({ require: { quarantine: {}, lifecycle: {} } }), {
      material: () => undefined,
      roots: NO_ROOTS,
    });
    expect(policy.ok && policy.value).to.deep.include({
      name: 'production',
      enforcement: 'Deny',
      onUnknown: 'Deny',
      digest: false,
    });
    expect(policy.ok && policy.value.lifecycle).to.deep.equal({
      refuse: 'EndOfLife',
      warnBeforeMs: 30 * 24 * 3_600_000,
      gracePeriodMs: 0,
      annotations: [],
      artifactTypes: [],
      required: false,
    });
  });

  it('lists all problems at once, each with its field path', () => {
    expect(
      specPaths({
        match: { images: ['ok/**', '!no'], excludeImages: ['{a,b}'] },
        authorities: [
          { name: 'a', key: { pem: 'nothing' } },
          { name: 'a', key: { secretRef: { name: 's', key: 'k' } } },
        ],
        require: {
          signatures: { from: ['a', 'b'], atLeast: 3 },
          quarantine: { images: ['*'], releasedBy: ['c'] },
        },
      }),
    ).to.deep.equal([
      'spec.authorities[0].key.pem',
      'spec.authorities[1].name',
      'spec.authorities[1].key.secretRef',
      'spec.match.images[1]',
      'spec.match.excludeImages[0]',
      'spec.require.signatures.atLeast',
      'spec.require.signatures.from[1]',
      'spec.require.quarantine.images[0]',
      'spec.require.quarantine.releasedBy[0]',
    ]);
  });

  it('names the missing Secret, and shows no content of others', () => {
    const spec = {
      authorities: [{ name: 'a', key: { secretRef: { name: 'gone', key: 'cosign.pub' } } }],
      require: {},
    };
    const policy = compilePolicy(policyDocument(spec), { material: () => undefined, roots: NO_ROOTS });
    expect(!policy.ok && policy.problems[0]?.message).to.equal('Secret gone has no key cosign.pub');
  });

  it('B11: a key that exists and is empty is an error, never "no key needed"', () => {
    const spec = {
      authorities: [{ name: 'a', key: { configMapRef: { name: 'keys', key: 'a' } } }],
      require: {},
    };
    expect(specPaths(spec, () => '')).to.deep.equal(['spec.authorities[0].key.configMapRef']);
    expect(specPaths(spec, () => '\n')).to.deep.equal(['spec.authorities[0].key.configMapRef']);
  });

  it('S10: one key under two names is refused, because it would count as two signers', () => {
    const twins = { authorities: [authority('a', key), authority('b', key)], require: {} };
    expect(specPaths(twins)).to.deep.equal(['spec.authorities[1].key']);
  });

  it('S10: one name twice does not count as two signers', () => {
    const spec = {
      authorities: [authority('a', key)],
      require: { signatures: { from: ['a', 'a'], atLeast: 2 } },
    };
    expect(specPaths(spec)).to.deep.equal(['spec.require.signatures.atLeast']);
  });

  it('an unknown name is reported with its field path', () => {
    const spec = {
      authorities: [authority('a', key), authority('b', other)],
      require: { signatures: { from: ['a', 'b', 'c'] } },
    };
    expect(specPaths(spec)).to.deep.equal(['spec.require.signatures.from[2]']);
  });

  for (const document of [null, 'policy', [], {}]) {
    it(`refuses ${JSON.stringify(document)} as a document`, () => {
      expect(paths(document)).not.to.be.empty;
    });
  }
});

describe('compile, keys', () => {
  for (const kind of ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa', 'ed25519'] as const) {
    it(`S08: reads ${kind}, and names it by its fingerprint`, () => {
      const { pem, fingerprint } = signingKey(kind);
      const spec = {
        authorities: [{ name: 'a', key: { pem: `# release\n${pem}` } }],
        require: { signatures: { from: ['a'] } },
      };
      const policy = compilePolicy(policyDocument(spec), { material: () => undefined, roots: NO_ROOTS });
      expect(policy.ok && policy.value.signatures?.from[0]?.signer).to.deep.equal({
        kind: 'key',
        key: { kind, pem, fingerprint },
      });
    });
  }

  it('refuses RSA of 1,024 bits', () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 1024 });
    expect(keyProblem(pemOf(pair))).to.equal(`${at} is an RSA key of 1024 bits; at least 2048 are needed`);
  });

  for (const [title, pair] of [
    ['secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
    ['x25519', () => generateKeyPairSync('x25519')],
    ['rsa-pss', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
  ] as const) {
    it(`refuses ${title}`, () => {
      expect(keyProblem(pemOf(pair()))).to.match(new RegExp(`is a ${title} key`));
    });
  }

  it('refuses a private key and does not repeat it', () => {
    const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(keyProblem(pem)).to.equal(`${at} holds a PRIVATE KEY, a PUBLIC KEY is needed`);
    const sec1 = key.privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    expect(keyProblem(sec1)).to.equal(`${at} holds a EC PRIVATE KEY, a PUBLIC KEY is needed`);
  });

  it('S06: refuses a certificate when a key is required', async () => {
    const { cert } = await createAuthority('acme');
    expect(keyProblem(cert)).to.equal(`${at} holds a CERTIFICATE, a PUBLIC KEY is needed`);
  });

  it('refuses two keys in one text, in either order', () => {
    expect(keyProblem(key.pem + other.pem)).to.equal(`${at} holds 2 PEM blocks, one PUBLIC KEY is needed`);
  });

  it('refuses a text without a key, and a block without a key', () => {
    expect(keyProblem('cosign.pub')).to.equal(`${at} holds 0 PEM blocks, one PUBLIC KEY is needed`);
    const broken = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n';
    expect(keyProblem(broken)).to.equal(`${at} holds a PUBLIC KEY block that cannot be read`);
  });

  it('reads a key that is indented, and says of one whose line breaks are written out what it lacks', () => {
    expect(keyProblem(key.pem.replace(/^/gm, '    '))).to.equal('accepted');
    expect(keyProblem(key.pem.replaceAll('\n', '\\n'))).to.include('give it line breaks');
  });
});
