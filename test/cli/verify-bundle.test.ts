import { expect } from 'chai';
import { digestOf } from '../../src/core/model/index.ts';
import { OPENID_ISSUER, WORKFLOW, type Certified } from '../support/sigstore/fulcio.ts';
import { createSigstore, type Sigstore } from '../support/sigstore/instance.ts';
import { encodeBundle, signBundle, type BundleRequest } from '../support/sigstore/sign.ts';
import { signingKey } from '../support/signing.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run } from './run.ts';

const FILE = 'what was released';
const DIGEST = digestOf(Buffer.from(FILE));

describe('pratique verify-bundle', () => {
  const key = signingKey();
  let sigstore: Sigstore;
  let maker: Certified;
  let files: TemporaryFolder;
  before(async () => {
    sigstore = await createSigstore();
    maker = await sigstore.certify();
    const bundle = async (request: Partial<BundleRequest>) =>
      encodeBundle(await signBundle(sigstore, { ...maker, digest: DIGEST, ...request })).toString();
    const byKey = { key, certificate: undefined };
    files = await temporaryFolder({
      file: FILE,
      tampered: `${FILE}!`,
      root: sigstore.root.json,
      'other-root': (await createSigstore()).root.json,
      key: key.pem,
      'other-key': signingKey().pem,
      nonsense: 'nonsense',
      'by-key': await bundle({ ...byKey, file: Buffer.from(FILE) }),
      'by-key-unlogged': await bundle({ ...byKey, file: Buffer.from(FILE), logged: false }),
      'by-certificate': await bundle({ file: Buffer.from(FILE) }),
      'by-certificate-unlogged': await bundle({ file: Buffer.from(FILE), logged: false, timestamped: true }),
      statement: await bundle({ predicateType: 'https://slsa.dev/provenance/v1' }),
    });
  });
  after(() => files.remove());

  const path = (name: string) => `${files.path}/${name}`;
  const verify = async (args: readonly string[]) => {
    const ran = await run(['verify-bundle', ...args]);
    return { ...ran, err: ran.err.replaceAll(files.path, 'files') };
  };
  const root = () => ['--trusted-root', path('root')];
  const byKey = (name = 'key') => ['--bundle', path('by-key'), '--key', path(name), ...root()];
  const anyIdentity = (identity: string, issuer: string) => [
    '--certificate-identity',
    identity,
    '--certificate-oidc-issuer',
    issuer,
  ];
  const byIdentity = (identity = WORKFLOW, issuer = OPENID_ISSUER, bundle = 'by-certificate') => [
    '--bundle',
    path(bundle),
    ...anyIdentity(identity, issuer),
    ...root(),
  ];

  it('proves a file by a key, and prints the key and the time', async () => {
    expect(await verify([...byKey(), path('file')])).to.deep.include({
      code: 0,
      out: `verified: by the key with SHA-256 ${key.fingerprint}, made by ${sigstore.signedAt.toISOString()}\n`,
      err: '',
    });
  });

  it('proves a file by an identity, and prints the identity', async () => {
    expect(await verify([...byIdentity(), path('file')])).to.deep.include({
      code: 0,
      out: `verified: by ${WORKFLOW} (${OPENID_ISSUER}), made by ${sigstore.signedAt.toISOString()}\n`,
      err: '',
    });
  });

  it('shows no time without evidence', async () => {
    const args = ['--bundle', path('by-key-unlogged'), '--key', path('key'), ...root(), path('file')];
    expect(await verify(args)).to.include({
      code: 0,
      out: `verified: by the key with SHA-256 ${key.fingerprint}\n`,
    });
  });

  it('accepts a digest in place of the file, and a statement in place of a signature', async () => {
    for (const args of [byKey(), byIdentity(), byIdentity(WORKFLOW, OPENID_ISSUER, 'statement')]) {
      expect(await verify([...args, DIGEST])).to.include({ code: 0, err: '' });
      expect(await verify([...args, path('file')])).to.include({ code: 0, err: '' });
    }
  });

  const refusals: readonly [string, () => readonly string[]][] = [
    ['another key', () => [...byKey('other-key'), path('file')]],
    ['another identity', () => [...byIdentity(`${WORKFLOW}2`), path('file')]],
    ['an identity that is a part of it only', () => [...byIdentity(WORKFLOW.slice(0, -1)), path('file')]],
    ['another issuer', () => [...byIdentity(WORKFLOW, `${OPENID_ISSUER}/`), path('file')]],
    ['a file that was changed, by key', () => [...byKey(), path('tampered')]],
    ['a file that was changed, by identity', () => [...byIdentity(), path('tampered')]],
    [
      'a file that a statement does not name',
      () => [...byIdentity(WORKFLOW, OPENID_ISSUER, 'statement'), path('tampered')],
    ],
    ['another digest', () => [...byKey(), digestOf(Buffer.from('another'))]],
    [
      'a key where a certificate signed',
      () => ['--bundle', path('by-certificate'), '--key', path('key'), path('file')],
    ],
    [
      'an identity where a key signed',
      () => [...byIdentity(WORKFLOW, OPENID_ISSUER, 'by-key'), path('file')],
    ],
    [
      'a certificate in no log of the root',
      () => [...byIdentity(WORKFLOW, OPENID_ISSUER, 'by-certificate-unlogged'), path('file')],
    ],
    [
      'a certificate of another root',
      () => [...byIdentity(), '--trusted-root', path('other-root'), path('file')],
    ],
    [
      'a certificate that the shipped public-good root does not trust',
      () => ['--bundle', path('by-certificate'), ...anyIdentity(WORKFLOW, OPENID_ISSUER), path('file')],
    ],
    [
      'a bundle that is none',
      () => ['--bundle', path('nonsense'), '--key', path('key'), ...root(), path('file')],
    ],
  ];
  for (const [what, args] of refusals) {
    it(`refuses ${what}`, async () => {
      const { code, out, err } = await verify(args());
      expect(err).to.match(/^not verified: [^\n]+\n$/);
      expect({ code, out }).to.deep.equal({ code: 1, out: '' });
    });
  }

  describe('with bad input', () => {
    const badInput = async (...args: readonly string[]) => {
      const { code, out, err } = await verify(args);
      expect({ code, out }, err).to.deep.equal({ code: 3, out: '' });
      return err.trimEnd().split('\n');
    };
    const bundle = () => ['--bundle', path('by-key'), path('file')];

    it('names every flag that is missing', async () => {
      expect(await badInput(path('file'))).to.deep.equal([
        'error: --bundle: is needed: the file with the bundle',
        'error: --certificate-identity: is needed, or --key',
        'error: --certificate-oidc-issuer: is needed, or --key',
      ]);
      expect(await badInput(...bundle(), '--certificate-identity', WORKFLOW)).to.deep.equal([
        'error: --certificate-oidc-issuer: is needed, or --key',
      ]);
      expect(await badInput(...bundle(), '--certificate-oidc-issuer', OPENID_ISSUER)).to.deep.equal([
        'error: --certificate-identity: is needed, or --key',
      ]);
      expect(await badInput('--bundle', path('by-key'), '--key', path('key'))).to.have.length(1);
    });

    it('accepts a key or an identity, not both', async () => {
      for (const flag of ['--certificate-identity', '--certificate-oidc-issuer']) {
        expect(await badInput(...bundle(), '--key', path('key'), flag, 'x')).to.deep.equal([
          'error: --key: goes without --certificate-identity and --certificate-oidc-issuer',
        ]);
      }
    });

    it('names every missing file', async () => {
      const args = [
        '--bundle',
        path('no-bundle'),
        '--key',
        path('no-key'),
        '--trusted-root',
        path('no-root'),
      ];
      expect(await badInput(...args, path('no-file'))).to.have.members(
        ['bundle', 'file', 'key', 'root'].map((one) => `error: files/no-${one}: no such file or folder`),
      );
    });

    it('names a key or root that cannot be used', async () => {
      const args = ['--key', path('nonsense'), '--trusted-root', path('key')];
      const said = await badInput(...bundle(), ...args);
      expect(said).to.have.length(2);
      expect(said[0]).to.match(/^error: files\/nonsense: ./);
      expect(said[1]).to.match(/^error: files\/key: ./);
    });
  });
});
