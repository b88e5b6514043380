import { expect } from 'chai';
import { connect } from 'node:tls';
import { Agent, request } from 'undici';
import { startServer, type Route, type Server, type Tls } from '../../../src/clients/http-server/index.ts';
import { createAuthority, type Authority, type KeyedCertificate } from '../../support/certificates.ts';

const SECRET = 'a1'.repeat(32);

interface Reached {
  readonly status: number;
  readonly text: string;
  readonly headers: readonly string[];
}

describe('callers of a route', () => {
  let authority: Authority;
  let clients: Authority;
  let leaf: KeyedCertificate;
  let server: Server;
  let handled: number;
  let seen: (readonly string[] | undefined)[];
  before(async () => {
    [authority, clients] = await Promise.all([createAuthority('server'), createAuthority('clients')]);
    leaf = await authority.issue({ commonName: 'localhost', ips: ['127.0.0.1'], usage: 'server' });
  });
  beforeEach(() => {
    [handled, seen] = [0, []];
  });
  afterEach(() => server.close());

  const handle = async () => {
    handled += 1;
    return { status: 200, contentType: 'text/plain', body: 'judged' };
  };
  const start = async (tls: Tls, admits: NonNullable<Route['admits']>) => {
    const route = { maxBodyBytes: 100, handle };
    server = await startServer({
      host: '127.0.0.1',
      port: 0,
      tls,
      routes: [
        { ...route, method: 'post', path: '/validate', admits },
        { ...route, method: 'get', path: '/healthz' },
      ],
      onError: (error) => {
        throw error;
      },
    });
  };
  const bySecret: NonNullable<Route['admits']> = ({ below }) => below === SECRET;
  const byCertificate: NonNullable<Route['admits']> = ({ certificate }) => {
    seen.push(certificate);
    return certificate?.includes('kube-apiserver') ?? false;
  };
  const ask = async (
    path: string,
    from?: KeyedCertificate,
    method: 'GET' | 'POST' = 'POST',
  ): Promise<Reached> => {
    const agent = new Agent({ connect: { ca: authority.cert, ...from } });
    const url = `https://127.0.0.1:${server.port}${path}`;
    const answer = await request(url, {
      method,
      dispatcher: agent,
      ...(method === 'POST' && { body: '{}' }),
    });
    const text = await answer.body.text();
    await agent.close();
    const headers = Object.keys(answer.headers).filter((name) => name !== 'date');
    return { status: answer.statusCode, text, headers };
  };
  /** What comes for these bytes, sent as they are. */
  const raw = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: server.port, ca: authority.cert }, () => {
        socket.write(text);
      });
      socket.once('error', reject);
      socket.once('data', (data: Buffer) => {
        resolve(data.toString());
        socket.destroy();
      });
    });

  it('C01 a path without the secret gets what a path gets that is not there, in every spelling', async () => {
    await start(leaf, bySecret);
    const nowhere = await ask('/no-such-path');
    expect(nowhere.status).to.equal(404);
    for (const path of [
      '/validate',
      '/validate/',
      '/validate?timeout=10s',
      `/validate/${SECRET.slice(1)}`,
      `/validate/${SECRET}x`,
      `/validate/${SECRET}/`,
      `/validate/${SECRET}/more`,
      `/validate//${SECRET}`,
      `/VALIDATE/${SECRET}`,
      '/VALIDATE',
      '//validate',
      '/%76alidate',
      `/validate/${SECRET.replace('a', '%61')}`,
      '/validate/%zz',
      '/validate/..;/validate',
      `/mutate/${SECRET}`,
    ])
      expect(await ask(path), path).to.deep.equal(nowhere);
    for (const path of ['/validate', `/validate/${SECRET}x`])
      expect((await ask(path, undefined, 'GET')).status, path).to.equal(404);
    expect(handled).to.equal(0);
    expect(await ask(`/validate/${SECRET}?timeout=10s`)).to.include({ status: 200, text: 'judged' });
    expect((await ask(`/validate/${SECRET}`, undefined, 'GET')).status).to.equal(405);
    const head = 'Host: localhost\r\nContent-Length: 0\r\n\r\n';
    expect(await raw(`POST https://localhost/validate HTTP/1.1\r\n${head}`)).to.match(/^HTTP\/1.1 404 /);
  });

  it('C02 a caller without the secret is answered before its body is read, however long it is', async () => {
    await start(leaf, bySecret);
    const head = 'Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n';
    expect(await raw(`POST /validate HTTP/1.1\r\n${head}{`)).to.match(/^HTTP\/1.1 404 /);
    const short = head.replace('8000000', '2');
    expect(await raw(`POST /validate/${SECRET} HTTP/1.1\r\n${short}{}`)).to.match(/^HTTP\/1.1 200 /);
  });

  it('C03 with authorities of clients, only a certificate by one of them, with a name that counts, is admitted', async () => {
    await start({ ...leaf, clientCa: clients.cert }, byCertificate);
    const other = await createAuthority('clients');
    const by = (issuer: Authority, commonName: string, more: object = {}) =>
      issuer.issue({ commonName, usage: 'client', ...more });
    const nowhere = await ask('/no-such-path');
    const refused = [
      undefined,
      await by(other, 'kube-apiserver'),
      await by(clients, 'system:node:worker'),
      await by(clients, 'x', { dns: ['kube-apiserver.evil.example.com'] }),
      await by(clients, 'kube-apiserver', { usage: 'server' }),
      await by(clients, 'kube-apiserver', { notAfter: new Date(Date.now() - 1_000) }),
      // Quoted by Node, and split by a reader that does not know it (CVE-2021-44532).
      await by(clients, 'x', { dns: ['a, DNS:kube-apiserver, DNS:b'] }),
    ];
    for (const from of refused) expect(await ask('/validate', from)).to.deep.equal(nowhere);
    expect(handled).to.equal(0);
    const named = [await by(clients, 'kube-apiserver'), await by(clients, 'x', { dns: ['kube-apiserver'] })];
    for (const from of named) expect((await ask('/validate', from)).status).to.equal(200);
    expect((await ask('/healthz', undefined, 'GET')).status, 'what is for all').to.equal(200);
  });

  it('C03 without authorities of clients no certificate counts', async () => {
    await start(leaf, byCertificate);
    expect(
      (await ask('/validate', await clients.issue({ commonName: 'kube-apiserver', usage: 'client' }))).status,
    ).to.equal(404);
    expect(seen).to.deep.equal([undefined]);
  });

  it('C03 other authorities count for new connections at once, and an open connection gets one more answer', async () => {
    const next = await createAuthority('next clients');
    const [before, after] = await Promise.all(
      [clients, next].map((one) => one.issue({ commonName: 'kube-apiserver', usage: 'client' })),
    );
    await start({ ...leaf, clientCa: clients.cert }, byCertificate);
    const agent = new Agent({ connect: { ca: authority.cert, ...before }, connections: 1 });
    const again = async () => {
      const url = `https://127.0.0.1:${server.port}/validate`;
      const { statusCode, headers, body } = await request(url, {
        method: 'POST',
        dispatcher: agent,
        body: '{}',
      });
      await body.dump();
      return { status: statusCode, connection: headers.connection };
    };
    expect(await again()).to.include({ status: 200, connection: 'keep-alive' });
    server.setTls({ ...leaf, clientCa: next.cert });
    expect(await again()).to.deep.equal({ status: 200, connection: 'close' });
    expect((await again()).status).to.equal(404);
    await agent.close();
    expect((await ask('/validate', after)).status).to.equal(200);
  });
});
