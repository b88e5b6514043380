import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import {
  coversHost,
  createAuthority,
  fits,
  isIssuedBy,
  issueServing,
  readCertificates,
  type KeyedCertificate,
} from '../../../src/adapters/certificates/index.ts';

const VALIDITY = { notBefore: new Date('2030-01-01T00:00:00Z'), notAfter: new Date('2031-01-01T00:00:00Z') };
const HOSTS = ['pratique-webhook.pratique.svc', '10.0.0.7', 'fd00::7'];

describe('Certificates', () => {
  let authority: KeyedCertificate;
  let stranger: KeyedCertificate;
  let leaf: KeyedCertificate;
  before(async () => {
    authority = await createAuthority({ name: 'pratique', ...VALIDITY });
    stranger = await createAuthority({ name: 'pratique', ...VALIDITY });
    leaf = await issueServing({ authority, hosts: HOSTS, ...VALIDITY });
  });

  const openssl = (cert: string) =>
    execFileSync('openssl', ['x509', '-noout', '-text'], { input: cert, encoding: 'utf8' });

  it('makes an authority that signs leaves and no other authority', () => {
    const text = openssl(authority.cert);
    expect(text).to.match(/CA:TRUE, pathlen:0/);
    expect(text).to.match(/Key Usage: critical\n\s+Certificate Sign\n/);
    expect(text).to.match(/NIST CURVE: P-256/);
    const [facts] = values(readCertificates(authority.cert));
    expect(facts).to.include({ name: 'pratique', isAuthority: true });
    expect(fits(authority)).to.equal(true);
  });

  it('makes a serving certificate for names and addresses, linked to its authority by key identifiers', () => {
    const text = openssl(leaf.cert);
    expect(text).to.match(/CA:FALSE/);
    expect(text).to.match(/TLS Web Server Authentication/);
    expect(text).to.match(
      /DNS:pratique-webhook.pratique.svc, IP Address:10.0.0.7, IP Address:FD00:0:0:0:0:0:0:7/,
    );
    const id = /Subject Key Identifier:\s+([0-9A-F:]+)/.exec(openssl(authority.cert))?.[1];
    expect(id).to.be.a('string');
    expect(/Authority Key Identifier:\s+(?:keyid:)?([0-9A-F:]+)/.exec(text)?.[1]).to.equal(id);
    expect(text).to.match(/Subject Key Identifier/);
    const [facts] = values(readCertificates(leaf.cert));
    expect(facts).to.deep.include({ isAuthority: false, ...VALIDITY });
    expect(facts?.fingerprint).to.match(/^[0-9a-f]{64}$/);
  });

  it('takes a name longer than a common name may be', async () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.svc`;
    const made = await issueServing({ authority, hosts: [long], ...VALIDITY });
    expect(coversHost(made.cert, long)).to.equal(true);
  });

  it('tells whose certificate and key it is', () => {
    expect(fits(leaf)).to.equal(true);
    expect(fits({ cert: leaf.cert, key: authority.key })).to.equal(false);
    expect(isIssuedBy(leaf.cert, authority.cert)).to.equal(true);
    expect(isIssuedBy(leaf.cert, stranger.cert), 'the same name and another key').to.equal(false);
    expect(isIssuedBy(leaf.cert, leaf.cert), 'a leaf is no authority').to.equal(false);
  });

  for (const { host, covered } of [
    { host: 'pratique-webhook.pratique.svc', covered: true },
    { host: 'PRATIQUE-webhook.pratique.svc', covered: true },
    { host: 'pratique-webhook', covered: false },
    { host: 'pratique-webhook.other.svc', covered: false },
    { host: '10.0.0.7', covered: true },
    { host: '10.0.0.8', covered: false },
    { host: 'fd00:0::7', covered: true },
    { host: 'fd00::8', covered: false },
  ]) {
    it(`${covered ? 'covers' : 'does not cover'} ${host}`, () => {
      expect(coversHost(leaf.cert, host)).to.equal(covered);
    });
  }

  it('reads a bundle in its order, with text around it and Windows line ends', () => {
    const text = `# ours\n${authority.cert.replaceAll('\n', '\r\n')}between${stranger.cert}`;
    const pems = values(readCertificates(text)).map(({ pem }) => pem);
    expect(pems).to.deep.equal(
      [new X509Certificate(authority.cert), new X509Certificate(stranger.cert)].map(String),
    );
    expect(pems.join('')).to.equal(authority.cert + stranger.cert);
  });

  for (const [title, text] of [
    ['nothing', ''],
    ['a key only', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
    ['a broken certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ] as const) {
    it(`makes a problem of ${title}`, () => {
      expect(readCertificates(text).ok).to.equal(false);
      expect(fits({ cert: text, key: text })).to.equal(false);
      expect(isIssuedBy(text, text)).to.equal(false);
      expect(coversHost(text, 'localhost')).to.equal(false);
    });
  }

  it('loads the library that makes certificates only when one is made', () => {
    const room = new URL('../../../src/adapters/certificates/index.ts', import.meta.url).href;
    const script = `await import(${JSON.stringify(room)}); console.log('getMetadata' in Reflect)`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(said.trim()).to.equal('false');
  });
});

function values<T>(read: { ok: true; value: T } | { ok: false }): T {
  if (!read.ok) throw new Error('could not be read');
  return read.value;
}
