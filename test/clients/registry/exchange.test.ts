import { expect } from 'chai';
import { createAuthority, type Authority, type KeyedCertificate } from '../../support/certificates.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { redirect } from '../../support/registry/misbehave.ts';
import { client, closeClients, faultOf, patient, tagged } from './client.ts';

const HOUR_MS = 3_600_000;

/*
 * Requests to loopback hosts use http, so these tests reach a TLS registry on loopback by a redirect from a
 * plain one. TLS behaves the same.
 */
describe('H10 TLS', () => {
  let authority: Authority;
  let front: EmbeddedRegistry;
  const open: EmbeddedRegistry[] = [];
  before(async () => {
    authority = await createAuthority('Acme Test CA');
    front = await startRegistry();
  });
  after(() => front.close());
  afterEach(async () => {
    await closeClients();
    await Promise.all(open.splice(0).map((one) => one.close()));
  });

  async function startTls(tls?: KeyedCertificate): Promise<EmbeddedRegistry> {
    const registry = await startRegistry({ ...(tls && { tls }) });
    open.push(registry);
    const url = registry.url.replace('http:', 'https:');
    front.intercept(redirect('/v2/', (request) => `${url}${request.url.pathname}`));
    return registry;
  }
  const issue = (more: Partial<Parameters<Authority['issue']>[0]> = {}): Promise<KeyedCertificate> =>
    authority.issue({ commonName: 'registry', ips: ['127.0.0.1'], usage: 'server', ...more });
  const ask = (ca?: string): Promise<unknown> =>
    client(ca === undefined ? {} : { ca }).manifest(tagged(front), patient());

  it('H10 trusts a configured CA', async () => {
    const registry = await startTls(await issue());
    expect(await ask(authority.cert)).to.equal(undefined);
    expect(registry.requests).to.have.length(1);
  });

  const refused = async (pattern: RegExp, ca?: string): Promise<void> => {
    const fault = await faultOf(ask(ca), 'RegistryUnavailable');
    expect(fault.transient).to.equal(false);
    expect(fault.detail).to.match(pattern);
  };

  it('H10 refuses an unknown CA, with the next step', async () => {
    await startTls(await issue());
    await refused(/not trusted: give its CA with --registry-ca/);
    await refused(/not trusted/, (await createAuthority('Another CA')).cert);
  });

  it('H10 refuses a certificate for another name', async () => {
    await startTls(await issue({ ips: ['127.0.0.9'] }));
    await refused(/another name/, authority.cert);
  });

  it('H10 refuses a certificate that has expired or is not valid yet', async () => {
    const now = Date.now();
    await startTls(
      await issue({ notBefore: new Date(now - 2 * HOUR_MS), notAfter: new Date(now - HOUR_MS) }),
    );
    await refused(/has expired/, authority.cert);
    await startTls(
      await issue({ notBefore: new Date(now + HOUR_MS), notAfter: new Date(now + 2 * HOUR_MS) }),
    );
    await refused(/not valid yet/, authority.cert);
  });

  it('H10 does not fall back to plain http', async () => {
    const registry = await startTls();
    await refused(/does not speak TLS/);
    expect(registry.requests).to.have.length(0);
  });

  it('H10 does not go back from https to http', async () => {
    const registry = await startTls(await issue());
    registry.intercept(redirect('/v2/', () => `${front.url}/plain`));
    await faultOf(ask(authority.cert), 'UntrustedEndpoint');
  });

  it('uses http for every spelling of loopback', async () => {
    front.intercept(undefined);
    const host = front.host.replace('127.0.0.1', 'localhost');
    expect(await client().manifest(tagged({ host }), patient())).to.equal(undefined);
    const six = await startRegistry({ address: '::1' }).catch(() => undefined); // not every machine has IPv6
    if (six === undefined) return;
    open.push(six);
    expect(await client().manifest(tagged(six), patient())).to.equal(undefined);
  });
});
