import { expect } from 'chai';
import { turnOf } from '../../../../src/core/model/index.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { client, closeClients, faultOf, patient, tagged } from '../client.ts';

describe('names that are looked up', () => {
  let registry: EmbeddedRegistry;
  before(async () => {
    registry = await startRegistry();
  });
  after(() => registry.close());
  afterEach(closeClients);

  it('M29: very many of one namespace, of a name server that is silent, do not delay those of another', async () => {
    const port = registry.host.split(':')[1] ?? '';
    const good = `registry.example.com:${port}`;
    const asked: string[] = [];
    const silent: ((addresses: readonly string[]) => void)[] = [];
    const one = client({
      resolve: (name) => {
        asked.push(name);
        if (name === 'registry.example.com') return Promise.resolve(['192.0.2.1']);
        return new Promise((resolve) => silent.push(resolve));
      },
      dial: () => '127.0.0.1',
      insecureHosts: [good],
      requestTimeoutMs: 500,
      now: () => new Date(0),
    });
    const ask = (namespace: string, host: string): Promise<unknown> =>
      one.inTurn(turnOf({ namespace })).manifest(tagged({ host }), patient());
    const flood = Array.from({ length: 50 }, (_, index) =>
      ask('a', `r${String(index)}.example.org`).catch((error: unknown) => error),
    );
    expect(await ask('b', good)).to.equal(undefined);
    expect(asked, 'three of four').to.have.length(4);
    await Promise.all(flood);
    expect(asked, 'a thread is busy also after the caller has left').to.have.length(4);
    await faultOf(ask('a', 'r50.example.org'), 'LimitExceeded');
    expect(await ask('a', good), 'a name that is remembered needs none').to.equal(undefined);
    silent.forEach((resolve) => resolve([]));
  });
});
