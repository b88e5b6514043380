import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { fits } from '../../../src/controllers/certificates/read.ts';
import { createAuthority, issueServing } from '../../../src/controllers/certificates/make.ts';
import { isIssuedBy, readCertificate, type Pair } from '../../../src/controllers/certificates/read.ts';
import { startServer } from '../../../src/clients/http-server/index.ts';
import { httpsClient } from '../../support/https-request.ts';

const DAY_MS = 86_400_000;
const skewMs = 7 * 60_000;
const now = new Date('2030-05-06T07:08:09Z');
const HOSTS = ['webhook.acme.svc', `${'long-name.'.repeat(8)}svc`, '127.0.0.1', '::1', '2001:db8::5'];

describe('certificates', () => {
  let authority: Pair;
  let stranger: Pair;
  let serving: Pair;
  before(async () => {
    authority = await createAuthority({ name: 'acme', lifetimeMs: 30 * DAY_MS, skewMs, now });
    stranger = await createAuthority({ name: 'acme', lifetimeMs: 30 * DAY_MS, skewMs, now });
    serving = await issueServing({ authority, hosts: HOSTS, lifetimeMs: DAY_MS, skewMs, now });
  });

  it('creates an authority that signs only leaf certificates', () => {
    const certificate = new X509Certificate(authority.cert);
    expect(certificate.ca).to.equal(true);
    expect(certificate.subject).to.equal('CN=acme');
    expect(certificate.verify(certificate.publicKey)).to.equal(true);
    expect(certificate.publicKey.asymmetricKeyDetails).to.deep.equal({ namedCurve: 'prime256v1' });
    expect(certificate.toLegacyObject().ext_key_usage).to.equal(undefined);
    expect(fits(authority)).to.equal(true);
    expect(readCertificate(authority.cert)).to.deep.include({
      notBefore: new Date(now.getTime() - skewMs),
      notAfter: new Date(now.getTime() + 30 * DAY_MS),
      hosts: [],
    });
  });

  it('issues a certificate for names and addresses, and for servers only', () => {
    const certificate = new X509Certificate(serving.cert);
    expect(certificate.ca).to.equal(false);
    expect(certificate.keyUsage, 'serverAuth').to.deep.equal(['1.3.6.1.5.5.7.3.1']);
    expect(readCertificate(serving.cert)).to.deep.equal({
      notBefore: new Date(now.getTime() - skewMs),
      notAfter: new Date(now.getTime() + DAY_MS),
      hosts: HOSTS,
      fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    });
    expect(certificate.serialNumber).to.match(/^01[0-9A-F]{32}$/);
  });

  it('never lets a certificate outlive its authority', async () => {
    const late = new Date(now.getTime() + 29.5 * DAY_MS);
    const { cert } = await issueServing({
      authority,
      hosts: HOSTS,
      lifetimeMs: 5 * DAY_MS,
      skewMs,
      now: late,
    });
    expect(readCertificate(cert)?.notAfter).to.deep.equal(readCertificate(authority.cert)?.notAfter);
  });

  it('refuses to issue a certificate that no server could use', async () => {
    const over = new Date(now.getTime() + 31 * DAY_MS);
    const rows = [
      { title: 'no host', given: { hosts: [] }, error: RangeError },
      { title: 'an authority that has expired', given: { now: over }, error: RangeError },
      {
        title: 'a key of another',
        given: { authority: { ...authority, key: stranger.key } },
        error: TypeError,
      },
      {
        title: 'an authority that is no PEM',
        given: { authority: { cert: 'x', key: 'y' } },
        error: TypeError,
      },
    ];
    for (const { title, given, error } of rows) {
      const outcome = await issueServing({
        authority,
        hosts: HOSTS,
        lifetimeMs: DAY_MS,
        skewMs,
        now,
        ...given,
      }).catch((thrown: unknown) => thrown);
      expect(outcome, title).to.be.instanceOf(error);
      expect(String(outcome), title).not.to.include('PRIVATE');
    }
  });

  it('checks that a key fits its certificate, and which authority signed it', () => {
    expect(fits(serving)).to.equal(true);
    expect(isIssuedBy(serving.cert, authority.cert)).to.equal(true);
    expect(isIssuedBy(serving.cert, stranger.cert), 'same name, other key').to.equal(false);
    expect(isIssuedBy(serving.cert, `${stranger.cert}\n${authority.cert}`), 'among several').to.equal(true);
    expect(isIssuedBy(authority.cert, serving.cert), 'a leaf signs nothing').to.equal(false);
    expect(fits({ cert: serving.cert, key: authority.key })).to.equal(false);
  });

  it('links a certificate to its authority by key identifiers, as other implementations read them', () => {
    const textOf = (cert: string) =>
      execFileSync('openssl', ['x509', '-noout', '-text'], { input: cert, encoding: 'utf8' });
    const own = textOf(authority.cert);
    const leaf = textOf(serving.cert);
    expect(own)
      .to.match(/CA:TRUE, pathlen:0/)
      .and.match(/Key Usage: critical\n\s+Certificate Sign\n/);
    expect(leaf)
      .to.match(/CA:FALSE/)
      .and.match(/TLS Web Server Authentication\s/);
    const id = /Subject Key Identifier:\s+([0-9A-F:]+)/.exec(own)?.[1];
    expect(id).to.match(/^[0-9A-F:]{59}$/);
    expect(/Authority Key Identifier:\s+(?:keyid:)?([0-9A-F:]+)/.exec(leaf)?.[1]).to.equal(id);
  });

  it('loads the certificate library only when a certificate is issued', () => {
    const room = new URL('../../../src/controllers/certificates/index.ts', import.meta.url).href;
    const script = `await import(${JSON.stringify(room)}); console.log('getMetadata' in Reflect)`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(said.trim()).to.equal('false');
  });

  it('treats a certificate that cannot be read as absent', () => {
    for (const text of ['', 'x', serving.key, serving.cert.slice(0, 200), serving.cert.slice(0, -60)]) {
      expect(readCertificate(text), text).to.equal(undefined);
      expect(fits({ cert: text, key: serving.key })).to.equal(false);
      expect(isIssuedBy(text, authority.cert)).to.equal(false);
      expect(isIssuedBy(serving.cert, text)).to.equal(false);
    }
    for (const key of ['', 'x', serving.cert, serving.key.slice(0, 100)])
      expect(fits({ cert: serving.cert, key })).to.equal(false);
  });

  it('is accepted over TLS by a client that trusts the authority, for its own address and within its dates', async () => {
    const today = new Date();
    const issuer = await createAuthority({ name: 'acme', lifetimeMs: DAY_MS, skewMs, now: today });
    const tls = await issueServing({
      authority: issuer,
      hosts: ['127.0.0.1'],
      lifetimeMs: DAY_MS,
      skewMs,
      now: today,
    });
    const ok = { status: 200, contentType: 'text/plain', body: 'ok' };
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      tls,
      routes: [{ method: 'get', path: '/', maxBodyBytes: 0, handle: async () => ok }],
      onError: () => undefined,
    });
    const ask = async (ca: string, host: string): Promise<string> => {
      const client = httpsClient(`https://${host}:${String(server.port)}`, ca);
      const answer = await client.get('/').then(
        ({ text }) => text,
        (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error),
      );
      await client.close();
      return answer;
    };
    try {
      expect(await ask(issuer.cert, '127.0.0.1')).to.equal('ok');
      expect(await ask(`${stranger.cert}${issuer.cert}`, '127.0.0.1')).to.equal('ok');
      expect(await ask(issuer.cert, 'localhost')).to.equal('ERR_TLS_CERT_ALTNAME_INVALID');
      expect(await ask(stranger.cert, '127.0.0.1')).to.match(/UNABLE_TO|SELF_SIGNED|CERT_/);
    } finally {
      await server.close();
    }
  });
});
