import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createFetch, createReach, Unreachable } from '../../../src/clients/http/index.ts';
import { startProxy } from '../../support/registry/proxy.ts';
import { proxiesOf } from './proxies.ts';

describe('documents that an issuer names', () => {
  let server: Server;
  let port: number;
  let asked: number;
  before(async () => {
    server = createServer((_request, response) => {
      asked += 1;
      response.end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  beforeEach(() => (asked = 0));
  after(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  const get = (name: string, address: string): Promise<unknown> => {
    const table: Readonly<Record<string, string>> = { 'issuer.example.com': '203.0.113.5', [name]: address };
    const reach = createReach({
      now: () => new Date(0),
      resolve: (asking) => Promise.resolve([table[asking] ?? '']),
      dial: () => '127.0.0.1',
    });
    const signal = AbortSignal.timeout(20_000);
    const how = { headers: {}, redirect: 'error', credentials: 'omit', signal } as const;
    return createFetch(reach)(`http://${name}:${String(port)}/keys`, how, 'https://issuer.example.com');
  };

  it('N11 are fetched at public addresses', async () => {
    expect(await get('keys.example.com', '203.0.113.6')).to.have.property('status', 200);
    expect(asked).to.equal(1);
  });

  for (const address of ['169.254.169.254', '127.0.0.1', '10.0.0.1', 'fd00::1']) {
    it(`N11 are not fetched at ${address}`, async () => {
      const error: unknown = await get('keys.example.com', address).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(Unreachable);
      expect(asked).to.equal(0);
    });
  }

  it('come through the proxy, those of the issuer and those of the hosts that it names', async () => {
    const proxy = await startProxy({ route: () => port });
    const { proxies } = await proxiesOf({ HTTP_PROXY: proxy.url });
    const reach = createReach({
      now: () => new Date(0),
      proxies,
      resolve: (name) => Promise.resolve([name.startsWith('inside') ? '10.0.0.9' : '203.0.113.5']),
    });
    const fetch = createFetch(reach);
    const how = { redirect: 'error', credentials: 'omit', signal: AbortSignal.timeout(20_000) } as const;
    const issuer = 'http://issuer.example.com';
    const status = await fetch(`${issuer}/keys`, { ...how, headers: { accept: 'application/json' } }, issuer);
    expect(status).to.have.property('status', 200);
    for (const url of ['http://10.0.0.1/keys', 'http://inside.example.com/keys'])
      expect(
        await fetch(url, { ...how, headers: {} }, issuer).catch((thrown: unknown) => thrown),
      ).to.be.instanceOf(Unreachable);
    await proxy.close();
    expect(proxy.seen).to.deep.equal([`GET ${issuer}/keys`]);
  });
});
