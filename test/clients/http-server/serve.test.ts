import { expect } from 'chai';
import { gzipSync } from 'node:zlib';
import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { request, Agent } from 'undici';
import {
  explainStart,
  startServer,
  type Route,
  type Server,
} from '../../../src/clients/http-server/index.ts';
import { httpsClient, type HttpsClient } from '../../support/https-request.ts';
import { createAuthority, type Authority, type KeyedCertificate } from '../../support/certificates.ts';

const LIMIT = 1_000;

describe('startServer', () => {
  let authority: Authority;
  let tls: KeyedCertificate;
  let server: Server;
  let client: HttpsClient;
  let errors: unknown[];
  let arrived: Promise<undefined>;
  let release: () => void;
  before(async () => {
    authority = await createAuthority('server');
    tls = await authority.issue({ commonName: 'localhost', ips: ['127.0.0.1', '::1'], usage: 'server' });
  });
  beforeEach(async () => {
    errors = [];
    server = await start();
    client = httpsClient(`https://127.0.0.1:${String(server.port)}`, authority.cert);
  });
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  function start(more: { host?: string; port?: number; tls?: KeyedCertificate } = {}): Promise<Server> {
    const { promise: held, resolve } = Promise.withResolvers<undefined>();
    release = () => resolve(undefined);
    const arrival = Promise.withResolvers<undefined>();
    arrived = arrival.promise;
    const text = (body: string, status = 200) => ({ status, contentType: 'text/plain', body });
    const route = (path: string, handle: Route['handle'], method: Route['method'] = 'post'): Route => ({
      method,
      path,
      maxBodyBytes: LIMIT,
      handle,
    });
    return startServer({
      host: '127.0.0.1',
      port: 0,
      tls,
      routes: [
        route('/echo', async ({ body, query }) =>
          text(`${body === 'too large' ? body : Buffer.from(body).toString()} ${query.toString()}`),
        ),
        route('/named', async ({ headers }) =>
          text(`${String(headers.get('x-acme'))} ${String(headers.get('constructor'))}`),
        ),
        route('/ok', async () => text('ok'), 'get'),
        route('/teapot', async () => text('short and stout', 418)),
        route('/throw', () => Promise.reject(new Error('secret detail'))),
        route('/hold', async () => {
          arrival.resolve(undefined);
          await held;
          return text('held');
        }),
      ],
      onError: (error) => errors.push(error),
      ...more,
    });
  }

  it('passes body and query to the handler, and returns its answer', async () => {
    const answer = await client.post('/echo?timeout=10s&a=b%20c', 'hello');
    expect(answer).to.include({ status: 200, text: 'hello timeout=10s&a=b+c' });
    expect(answer.headers['content-type']).to.match(/^text\/plain/);
    expect((await client.post('/teapot', '')).status).to.equal(418);
    expect(await client.get('/ok')).to.include({ status: 200, text: 'ok' });
  });

  it('passes the requested headers to the handler with names in lower case, and no others', async () => {
    const agent = new Agent({ connect: { ca: authority.cert } });
    const { body } = await request(`https://127.0.0.1:${String(server.port)}/named`, {
      method: 'POST',
      headers: { 'X-Acme': 'Signed' },
      dispatcher: agent,
    });
    expect(await body.text()).to.equal('Signed undefined');
    await agent.close();
  });

  it('accepts a body of exactly the limit, and passes on a larger one as too large', async () => {
    expect((await client.post('/echo', 'x'.repeat(LIMIT))).text).to.have.length(LIMIT + 1);
    expect((await client.post('/echo', 'x'.repeat(LIMIT + 1))).text).to.equal('too large ');
  });

  it('counts the bytes of a compressed body after unpacking', async () => {
    const agent = new Agent({ connect: { ca: authority.cert } });
    const answer = await request(`https://127.0.0.1:${String(server.port)}/echo`, {
      method: 'POST',
      dispatcher: agent,
      headers: { 'content-encoding': 'gzip' },
      body: gzipSync('0'.repeat(5_000_000)),
    });
    expect(await answer.body.text()).to.equal('too large ');
    await agent.close();
  });

  it('answers 404 and 405 in words, without the name of the server', async () => {
    expect(await client.get('/nowhere')).to.include({ status: 404, text: 'not found\n' });
    const wrong = await client.get('/echo');
    expect(wrong).to.include({ status: 405, text: 'method not allowed\n' });
    expect(wrong.headers).to.include({ allow: 'POST' });
    expect(wrong.headers).not.to.have.any.keys('x-powered-by', 'server', 'etag');
  });

  it('answers 500 when a handler fails, reports the error, and shows nothing of it to the caller', async () => {
    expect(await client.post('/throw', '')).to.include({ status: 500, text: 'internal error\n' });
    expect(errors.map(String)).to.deep.equal(['Error: secret detail']);
  });

  it('lets open requests end at close, and accepts no new ones', async () => {
    const held = client.post('/hold', '');
    await arrived;
    const closed = server.close();
    const knock = () =>
      new Promise((resolve) => {
        const socket = connect(server.port, '127.0.0.1')
          .once('connect', () => {
            resolve('connected');
            socket.destroy();
          })
          .once('error', () => resolve('refused'));
      });
    while ((await knock()) !== 'refused') await sleep(5); // the time limit of mocha ends this loop
    const started = performance.now();
    release();
    expect((await held).text).to.equal('held');
    await closed;
    expect(performance.now() - started, 'a kept-alive connection must not hold up the end').to.be.below(
      20_000,
    );
  });

  it('accepts neither TLS 1.1 nor plain HTTP', async () => {
    const outcome = await new Promise<string>((resolve) => {
      const socket = connectTls({
        port: server.port,
        host: '127.0.0.1',
        ca: authority.cert,
        minVersion: 'TLSv1.1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      socket.once('secureConnect', () => resolve('connected')).once('error', () => resolve('refused'));
    });
    expect(outcome).to.equal('refused');
    const plain = await fetch(`http://127.0.0.1:${String(server.port)}/ok`).catch(() => 'refused');
    expect(plain).to.equal('refused');
  });

  it('listens on IPv6 loopback', async () => {
    const six = await start({ host: '::1' });
    const other = httpsClient(`https://[::1]:${String(six.port)}`, authority.cert);
    expect((await other.get('/ok')).status).to.equal(200);
    await other.close();
    await six.close();
  });

  it('reports why it cannot start', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const stranger = await authority.issue({ commonName: 'stranger', usage: 'server' });
    const rows = [
      { more: { port }, about: 'address', says: 'in use' },
      { more: { host: '203.0.113.7' }, about: 'address', says: 'no such address' },
      { more: { tls: { cert: tls.cert, key: stranger.key } }, about: 'certificate', says: 'not the one' },
      { more: { tls: { cert: 'nonsense', key: tls.key } }, about: 'certificate', says: 'not PEM' },
      { more: { tls: { cert: tls.cert, key: 'nonsense' } }, about: 'certificate', says: 'not PEM' },
    ];
    for (const { more, about, says } of rows) {
      const outcome = await start(more).then(
        () => 'started',
        (error: unknown) => explainStart(error),
      );
      expect(outcome).to.deep.include({ about });
      expect(JSON.stringify(outcome)).to.include(says).and.not.to.include('PRIVATE');
    }
    await new Promise((resolve) => taken.close(resolve));
  });
});
