import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { turnOf } from '../../../../src/core/model/index.ts';
import { MAX_OPEN_HOSTS } from '../../../../src/clients/registry/exchange.ts';
import { client, closeClients, patient, tagged } from '../client.ts';

describe('connections to many hosts', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await closeClients();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });
  /** Starts servers that hand every request to one function; returns their hosts. */
  const start = async (count: number, onRequest: (response: ServerResponse) => void): Promise<string[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const server = createServer((_, response) => onRequest(response));
        server.keepAliveTimeout = 60_000;
        servers.push(server);
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        return `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
      }),
    );
  const absent = (response: ServerResponse): void => void response.writeHead(404).end();
  const open = async (): Promise<number> => {
    const counts = servers.map((server) => {
      const { promise, resolve } = Promise.withResolvers<number>();
      server.getConnections((_, count) => resolve(count));
      return promise;
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  };
  /** Resolves when it holds; a test that waits for ever fails by its time limit. */
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
  };

  it('M26: those to the hosts not used for longest are closed', async () => {
    const hosts = await start(MAX_OPEN_HOSTS + 10, absent);
    const one = client();
    for (const host of hosts) await one.manifest(tagged({ host }), patient());
    await until(async () => (await open()) <= MAX_OPEN_HOSTS);
    expect(await one.manifest(tagged({ host: hosts[0] ?? '' }), patient())).to.equal(undefined);
  }).timeout(15_000); // sooner than idle connections end by themselves

  it('M26: what is under way to a host is answered although very many others are asked', async () => {
    const waiting: ServerResponse[] = [];
    const [slow = ''] = await start(1, (response) => waiting.push(response));
    const one = client();
    const asked = one.manifest(tagged({ host: slow }), patient());
    await until(() => waiting.length === 1);
    for (const host of await start(MAX_OPEN_HOSTS + 1, absent))
      await one.manifest(tagged({ host }), patient());
    waiting.forEach(absent);
    expect(await asked).to.equal(undefined);
  });

  it('M26: a client that is closed ends also what was under way to such a host', async () => {
    let reached = 0;
    const [slow = ''] = await start(1, () => (reached += 1));
    const one = client();
    const asked = one.manifest(tagged({ host: slow }), patient()).catch(() => 'failed');
    await until(() => reached === 1);
    for (const host of await start(MAX_OPEN_HOSTS + 1, absent))
      await one.manifest(tagged({ host }), patient());
    await one.close();
    expect(await asked).to.equal('failed');
  });

  it('M26: one namespace that asks very many hosts leaves connections for another', async () => {
    const waiting: ServerResponse[] = [];
    const hosts = await start(20, (response) => waiting.push(response));
    const one = client({ concurrencyPerHost: 16 });
    const ask = (namespace: string, host: string, tag: string): Promise<unknown> =>
      one.inTurn(turnOf({ namespace })).manifest(tagged({ host }, tag), patient());
    const asked = hosts.flatMap((host) =>
      Array.from({ length: 16 }, (_, index) => ask('a', host, String(index))),
    );
    await until(() => waiting.length >= 192);
    asked.push(ask('b', hosts[0] ?? '', 'latest'));
    await until(() => waiting.length >= 193);
    expect(await open(), 'three quarters of 256 of the first, and one').to.equal(193);
    let answered = 0;
    await until(() => {
      const some = waiting.splice(0);
      some.forEach(absent);
      answered += some.length;
      return answered === asked.length;
    });
    await Promise.all(asked);
  });
});
