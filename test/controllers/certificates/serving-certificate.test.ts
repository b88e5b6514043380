import { expect } from 'chai';
import { createAuthority, issueServing } from '../../../src/controllers/certificates/make.ts';
import { servingCertificate, certificateReading } from '../../../src/controllers/certificates/read.ts';
import type { Pair } from '../../../src/controllers/certificates/read.ts';

const given = { lifetimeMs: 86_400_000, skewMs: 0, now: new Date('2030-01-01T00:00:00Z') };

describe('the Secret with the serving certificate', () => {
  let pair: Pair;
  let other: Pair;
  before(async () => {
    const authority = await createAuthority({ name: 'acme', ...given });
    const hosts = ['webhook.acme.svc', '127.0.0.1'];
    pair = await issueServing({ authority, hosts, ...given });
    other = await issueServing({ authority, hosts, ...given });
  });
  const secret = (cert: string, key: string) => ({ 'tls.crt': btoa(cert), 'tls.key': btoa(key) });

  it('returns certificate and key', () => {
    const data = secret(pair.cert, pair.key);
    expect(servingCertificate(data)).to.deep.equal({ ok: true, value: pair });
    expect(certificateReading(data)).to.deep.include({
      notAfter: new Date('2030-01-02T00:00:00Z'),
      hosts: ['webhook.acme.svc', '127.0.0.1'],
    });
  });

  it('names the part that cannot be used, and shows nothing of the key', () => {
    const rows: readonly { readonly title: string; readonly data: unknown; readonly path: string }[] = [
      { title: 'no Secret', data: undefined, path: 'tls.crt' },
      { title: 'an empty Secret', data: {}, path: 'tls.crt' },
      { title: 'values that are no text', data: { 'tls.crt': 1, 'tls.key': null }, path: 'tls.crt' },
      { title: 'no key', data: secret(pair.cert, ''), path: 'tls.crt' },
      { title: 'no PEM', data: secret('x', pair.key), path: 'tls.crt' },
      { title: 'a key of another', data: secret(pair.cert, other.key), path: 'tls.key' },
      { title: 'half a key', data: secret(pair.cert, pair.key.slice(0, 80)), path: 'tls.key' },
    ];
    for (const { title, data, path } of rows) {
      const read = servingCertificate(data);
      expect(read.ok, title).to.equal(false);
      expect(read, title).to.have.nested.property('problems[0].path', path);
      expect(JSON.stringify(read), title).not.to.include('PRIVATE');
    }
  });

  it('reports nothing about a Secret that cannot be read', () => {
    for (const data of [undefined, null, 'x', {}, secret('x', pair.key)])
      expect(certificateReading(data)).to.equal(undefined);
  });
});
