import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { publicGoodRoot, readTrustRoot } from '../../../src/clients/sigstore/index.ts';
import { createSigstore, type Sigstore } from '../../support/sigstore/instance.ts';
import { signLayer } from '../../support/sigstore/sign.ts';
import type { TrustRootJson } from '../../support/sigstore/trust-root.ts';
import { signingKey } from '../../support/signing.ts';
import { openVerifier, image, signatureLayer, whyNot } from './fixture.ts';

describe('trust root', () => {
  const ask = openVerifier();
  let sigstore: Sigstore;
  before(async () => {
    sigstore = await createSigstore();
  });

  const problemsOf = (json: string) => {
    const root = readTrustRoot(json);
    return root.ok ? [] : root.problems.map(({ path, message }) => `${path}: ${message}`);
  };
  const changed = (change: (root: TrustRootJson) => unknown) => {
    const json = structuredClone(sigstore.rootJson);
    change(json);
    return JSON.stringify(json);
  };

  it('is named by the hash of its text', () => {
    const { json } = sigstore.root;
    expect(readTrustRoot(json)).to.deep.equal({
      ok: true,
      value: { json, fingerprint: createHash('sha256').update(json).digest('hex') },
    });
  });

  it('S13: the public-good root is available without network', () => {
    const root = publicGoodRoot();
    expect(root.json).to.contain('https://fulcio.sigstore.dev').and.contain('https://rekor.sigstore.dev');
    expect(readTrustRoot(root.json)).to.deep.equal({ ok: true, value: root });
  });

  const accepted: readonly [string, (root: TrustRootJson) => unknown][] = [
    ['S13: unknown fields', (root) => Object.assign(root, { rekorV9: { path: '../../etc' } })],
    [
      'the other spelling of its media type',
      (root) => (root.mediaType = 'application/vnd.dev.sigstore.trustedroot.v0.2+json'),
    ],
    [
      'logs alone',
      (root) =>
        Object.assign(root, { certificateAuthorities: undefined, timestampAuthorities: [], ctlogs: [] }),
    ],
    [
      'logs that are valid since 1970, as cosign writes them by default',
      (root) => (root.tlogs[0]!.publicKey.validFor = { start: '1970-01-01T00:00:00Z' }),
    ],
    [
      'S13: parts that have expired: they count for what was made before',
      (root) =>
        (root.tlogs[0]!.publicKey.validFor = { start: '2000-01-01T00:00:00Z', end: '2001-01-01T00:00:00Z' }),
    ],
  ];
  for (const [title, change] of accepted) {
    it(`accepts ${title}`.replace(/^(accepts )(S\d\d: )/, '$2$1'), () => {
      expect(problemsOf(changed(change))).to.deep.equal([]);
    });
  }

  const refused: readonly [string, (root: TrustRootJson) => unknown, string][] = [
    [
      'an unknown version',
      (root) => (root.mediaType = 'application/vnd.dev.sigstore.trustedroot+json;version=0.9'),
      'mediaType: is not the media type of a trust root that is understood',
    ],
    [
      'a certificate that is none',
      (root) => (root.certificateAuthorities[0]!.certChain.certificates[0]!.rawBytes = 'AAAA'),
      'certificateAuthorities[0].certChain.certificates[0]: is not a certificate that can be read',
    ],
    [
      'a timestamp authority whose certificate is none',
      (root) => (root.timestampAuthorities[0]!.certChain.certificates[1]!.rawBytes = ''),
      'timestampAuthorities[0].certChain.certificates[1]: is not a certificate that can be read',
    ],
    [
      'a log whose key is none',
      (root) => (root.tlogs[0]!.publicKey.rawBytes = 'AAAA'),
      'tlogs[0].publicKey: is not a public key that can be read',
    ],
    [
      'a certificate log whose key is none',
      (root) => (root.ctlogs[0]!.publicKey.rawBytes = 'AAAA'),
      'ctlogs[0].publicKey: is not a public key that can be read',
    ],
    [
      'a time that is none',
      (root) => (root.tlogs[0]!.publicKey.validFor.start = 'yesterday'),
      'tlogs[0].publicKey.validFor.start: is not a date and time',
    ],
    [
      'nothing to trust',
      (root) => Object.assign(root, { certificateAuthorities: [], tlogs: [], timestampAuthorities: [] }),
      ': names no certificate authority, no transparency log and no timestamp authority',
    ],
  ];
  const unbounded = (entry: { validFor: object }, validFor?: object) => Object.assign(entry, { validFor });
  const LOG = 'https://rekor.example.com';
  const named = <T extends object>(log: T): T => Object.assign(log, { baseUrl: LOG });
  const START = 'is missing: "%" has no start of validity and is not trusted';
  const never: readonly [string, (root: TrustRootJson) => unknown, string][] = [
    [
      'O17: refuses a certificate authority without start of validity',
      (root) => unbounded(root.certificateAuthorities[0]!, {}),
      `certificateAuthorities[0].validFor.start: ${START.replace('%', 'https://fulcio.sigstore.test')}`,
    ],
    [
      'O17: refuses a timestamp authority without validity',
      (root) => unbounded(root.timestampAuthorities[0]!),
      `timestampAuthorities[0].validFor.start: ${START.replace('%', 'https://tsa.sigstore.test')}`,
    ],
    [
      'O17: refuses a transparency log whose start of validity is null',
      (root) => unbounded(named(root.tlogs[0]!).publicKey, { start: null, end: '2100-01-01T00:00:00Z' }),
      `tlogs[0].publicKey.validFor.start: ${START.replace('%', LOG)}`,
    ],
    [
      'O17: refuses a certificate log with nothing but an end',
      (root) => unbounded(root.ctlogs[0]!.publicKey, { end: '2100-01-01T00:00:00Z' }),
      `ctlogs[0].publicKey.validFor.start: ${START.replace('%', 'https://ct.sigstore.test')}`,
    ],
    [
      'O17: refuses a start that was never set, as Go writes it',
      (root) => unbounded(root.ctlogs[0]!.publicKey, { start: '0001-01-01T00:00:00Z' }),
      `ctlogs[0].publicKey.validFor.start: ${START.replace('%', 'https://ct.sigstore.test')}`,
    ],
    [
      'O17: refuses an entry without start also when it has no name',
      (root) => Object.assign(unbounded(root.certificateAuthorities[0]!, {}), { uri: 7 }),
      'certificateAuthorities[0].validFor.start: is missing: this entry has no start of validity and is not trusted',
    ],
    [
      'O18: refuses an end before the start',
      (root) =>
        unbounded(named(root.tlogs[0]!).publicKey, {
          start: '2026-01-02T00:00:00Z',
          end: '2026-01-01T00:00:00Z',
        }),
      `tlogs[0].publicKey.validFor.end: is before the start: "${LOG}" is never valid`,
    ],
    [
      'O18: refuses a start that is empty',
      (root) => unbounded(root.ctlogs[0]!.publicKey, { start: '' }),
      'ctlogs[0].publicKey.validFor.start: is not a date and time',
    ],
    [
      'O18: refuses a start without time zone',
      (root) => unbounded(root.certificateAuthorities[0]!, { start: '2026-01-01T00:00:00' }),
      'certificateAuthorities[0].validFor.start: is not a date and time',
    ],
    [
      'O18: refuses a start on a day that does not exist',
      (root) => unbounded(root.certificateAuthorities[0]!, { start: '2026-02-30T00:00:00Z' }),
      'certificateAuthorities[0].validFor.start: is not a date and time',
    ],
  ];
  for (const [title, change, expected] of never) {
    it(title, () => {
      expect(problemsOf(changed(change))).to.deep.equal([expected]);
    });
  }

  it('O18: refuses a log without key, and an authority without certificates', () => {
    const json = changed((root) => {
      Object.assign(root.tlogs[0]!, { publicKey: undefined });
      Object.assign(root.ctlogs[0]!.publicKey, { rawBytes: undefined });
      root.certificateAuthorities[0]!.certChain.certificates = [];
    });
    expect(problemsOf(json).map((one) => one.split(':')[0])).to.deep.equal([
      'certificateAuthorities[0].certChain.certificates',
      'tlogs[0].publicKey',
      'ctlogs[0].publicKey.rawBytes',
    ]);
  });

  for (const [title, change, expected] of refused) {
    it(`S13: refuses ${title}, with its path`, () => {
      expect(problemsOf(changed(change))).to.deep.equal([expected]);
    });
  }

  it('lists all problems at once', () => {
    const json = changed((root) => {
      root.tlogs[0]!.publicKey.rawBytes = 'AAAA';
      root.ctlogs[0]!.publicKey.rawBytes = 'AAAA';
      root.mediaType = '';
    });
    expect(problemsOf(json)).to.have.length(3);
  });

  it('S13: refuses a text that is no JSON, or far too long', () => {
    const many = ['['.repeat(900_000), `{"a":[${'1,'.repeat(20_000)}1]}`, `{}\n[${'{},'.repeat(20_000)}{}]`];
    for (const text of ['', 'null', '[', '"root"', '{}\nnull', '{}\n'.repeat(9), ...many])
      expect(problemsOf(text)).to.deep.equal([
        ': is not JSON of an object, nor one such object on each line',
      ]);
    expect(problemsOf(' '.repeat(1024 * 1024 + 1))[0]).to.contain('too long');
  });

  it('accepts several roots, one on each line, and names the line of a problem', () => {
    const { json } = sigstore.root;
    expect(problemsOf(`${json}\n\n${json}\r\n`)).to.deep.equal([]);
    const json2 = changed((root) => (root.tlogs[0]!.publicKey.rawBytes = 'AAAA'));
    expect(problemsOf(`${json}\n${json2}`)).to.deep.equal([
      'line 2.tlogs[0].publicKey: is not a public key that can be read',
    ]);
  });

  it('S13: a signature is proven by one line of a root alone, whichever it is', async () => {
    // The second is like GitHub's own: no logs, timestamps in their place.
    const [github, stranger] = [
      await createSigstore({ without: ['transparencyLog', 'certificateLog'] }),
      await createSigstore(),
    ];
    const lines = readTrustRoot(`${sigstore.root.json}\n${github.root.json}\n`);
    if (!lines.ok) throw new Error('it was not read');
    const { fingerprint } = lines.value;
    const trust = { keys: [], roots: [lines.value] };
    const askFor = async (made: Sigstore, log: Sigstore, more: object) => {
      const layer = await signLayer(log, { ...(await made.certify()), digest: image, ...more });
      return ask(signatureLayer(layer), trust);
    };
    const byPublic = await askFor(sigstore, sigstore, {});
    expect(byPublic).to.deep.include({ state: 'proven', loggedBy: [fingerprint] });
    const byGitHub = await askFor(github, github, { logged: false, timestamped: true });
    expect(byGitHub).to.deep.include({ state: 'proven', loggedBy: [], timestampedBy: [fingerprint] });
    expect(whyNot(await askFor(stranger, stranger, {}))).to.contain('no trusted authority issued');
    // A certificate of one line, seen by the log of the other only.
    expect((await askFor(github, sigstore, { timestamped: false })).state).to.equal('unproven');
  });

  it('a trust root that was never read proves nothing, and does not affect keys', async () => {
    const broken = { fingerprint: 'f', json: '{' };
    const key = signingKey();
    const byKey = await signLayer(sigstore, { key, digest: image });
    expect(await ask(signatureLayer(byKey), { keys: [key], roots: [broken] })).to.deep.include({
      state: 'proven',
      loggedBy: [],
    });
    const keyless = await signLayer(sigstore, { ...(await sigstore.certify()), digest: image });
    expect(whyNot(await ask(signatureLayer(keyless), { keys: [], roots: [broken] }))).to.equal(
      'made with a certificate, and no authority trusts one',
    );
  });
});
