import type { Socket } from 'node:net';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { createAuthority } from '../../../support/certificates.ts';
import { always, faultOf, patient, tagged } from '../client.ts';
import { LOGIN, NAME, PASSWORD, useProxies, WHERE, type Lab } from './proxy-fixture.ts';

describe('a registry behind a proxy', () => {
  let registry: Lab['registry'];
  let digest: string;
  let proxyTo: Lab['proxyTo'];
  let behind: Lab['behind'];
  let read: Lab['read'];
  useProxies('https', (lab) => {
    ({ registry, digest, proxyTo, behind, read } = lab);
  });

  it('is reached by a tunnel, over which several requests go', async () => {
    const proxy = await proxyTo();
    const one = await behind({ HTTPS_PROXY: proxy.url });
    for (let times = 0; times < 5; times += 1) {
      expect((await one.manifest(tagged(WHERE), patient()))?.digest).to.equal(digest);
      await endOfTurn(); // until then the connection counts as taken
    }
    expect(proxy.seen).to.deep.equal([`CONNECT ${NAME}:443`]);
  });

  it('is reached directly where NO_PROXY names it', async () => {
    const proxy = await proxyTo();
    const fault = await faultOf(
      read(await behind({ HTTPS_PROXY: proxy.url, NO_PROXY: '.corp-only.example' })),
      'RegistryUnavailable',
    );
    expect(fault.message).to.include('ENOTFOUND');
    expect(proxy.seen).to.deep.equal([]);
  });

  it('N17 is reached by a proxy that asks for a login, which the registry does not see', async () => {
    const proxy = await proxyTo({ login: LOGIN });
    const headers: (string | undefined)[] = [];
    registry.intercept((request) => {
      headers.push(request.headers['proxy-authorization']);
      return undefined;
    });
    const one = await behind({}, { proxy: { https: proxy.url, loginFile: '/login' } });
    expect(await read(one)).to.equal(digest);
    expect(proxy.logins).to.have.length(1);
    expect(headers).to.deep.equal([undefined]);
  });

  it('is reached by a proxy that speaks TLS, whose own authority is trusted for it alone', async () => {
    const other = await createAuthority('proxies of acme');
    const tls = await other.issue({ commonName: '127.0.0.1', ips: ['127.0.0.1'], usage: 'server' });
    const proxy = await proxyTo({ tls });
    expect(await read(await behind({ HTTPS_PROXY: proxy.url }, { proxyCa: other.cert }))).to.equal(digest);
    const untrusted = await faultOf(read(await behind({ HTTPS_PROXY: proxy.url })), 'RegistryUnavailable');
    expect(untrusted.message).to.include('proxy.caFiles');
    expect(untrusted.transient).to.equal(false);
    await faultOf(
      read(await behind({ HTTPS_PROXY: proxy.url }, { proxyCa: other.cert, ca: other.cert })),
      'RegistryUnavailable',
    );
  });

  it('N17 keeps its login from the proxy: it is sent inside of the tunnel', async () => {
    const proxy = await proxyTo();
    registry.intercept((request) =>
      request.headers.authorization === undefined
        ? { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
        : undefined,
    );
    const keychain = always({ kind: 'password', username: 'deployer', password: 'secret' });
    expect(await read(await behind({ HTTPS_PROXY: proxy.url }, { keychain }))).to.equal(digest);
    expect(proxy.logins).to.deep.equal([]);
  });

  const REFUSED: readonly (readonly [string, (socket: Socket) => void, boolean, string])[] = [
    ['407', (socket) => socket.end('HTTP/1.1 407 No\r\n\r\n'), false, 'answered 407: it needs a login'],
    [
      '403',
      (socket) => socket.end('HTTP/1.1 403 No\r\ncontent-length: 6\r\n\r\n<html>'),
      false,
      'answered 403',
    ],
    ['404', (socket) => socket.end('HTTP/1.1 404 No\r\n\r\n'), false, 'answered 404'],
    ['502', (socket) => socket.end('HTTP/1.1 502 No\r\n\r\n'), true, 'answered 502'],
    [
      '302',
      (socket) => socket.end('HTTP/1.1 302 No\r\nlocation: http://login.example.com/\r\n\r\n'),
      false,
      'answered 302',
    ],
    ['nothing', (socket) => socket.destroy(), true, 'failed'],
    ['half a line', (socket) => socket.end('HTTP/1.1 20'), true, 'failed'],
    ['no HTTP', (socket) => socket.end('SSH-2.0-x\r\n'), true, 'failed'],
    [
      'a very large head',
      (socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(1_000_000)}\r\n\r\n`),
      true,
      'failed',
    ],
  ];
  for (const [what, misbehave, transient, words] of REFUSED)
    it(`N18 is unknown, never absent, while the proxy answers ${what}`, async () => {
      const proxy = await proxyTo({ misbehave });
      const url = proxy.url.replace('//', `//${LOGIN}@`);
      const fault = await faultOf(read(await behind({ HTTPS_PROXY: url })), 'RegistryUnavailable');
      expect(fault.transient).to.equal(transient);
      expect(fault.message).to.include(NAME).and.include(proxy.host).and.include(words);
      expect(JSON.stringify([fault.message, fault.stack, String(fault.cause)])).to.not.include(PASSWORD);
      expect(proxy.seen.length).to.be.at.most(2);
    });

  it('N18 is unknown within its time while the proxy is silent', async () => {
    const proxy = await proxyTo({ misbehave: () => undefined });
    const one = await behind({ HTTPS_PROXY: proxy.url }, { requestTimeoutMs: 300 });
    await faultOf(read(one), 'RegistryUnavailable');
  });

  it('N18 is unknown where what the tunnel leads to is another host', async () => {
    const proxy = await proxyTo({
      misbehave: (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n<html>a portal</html>'),
    });
    await faultOf(read(await behind({ HTTPS_PROXY: proxy.url })), 'RegistryUnavailable');
  });

  it('N18 is unknown where the proxy is not there', async () => {
    const fault = await faultOf(
      read(await behind({ HTTPS_PROXY: 'http://127.0.0.1:1' })),
      'RegistryUnavailable',
    );
    expect(fault.message).to.include('the proxy 127.0.0.1:1').and.include('ECONNREFUSED');
  });
});
