import { expect } from 'chai';
import { digestOf, turnOf } from '../../../../src/core/model/index.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { always, client, closeClients, patient, tagged } from '../client.ts';

describe('the turns of two namespaces at one registry', () => {
  let registry: EmbeddedRegistry;
  afterEach(async () => {
    await closeClients();
    await registry.close();
  });
  const login = always({ kind: 'password', username: 'acme', password: 'pa:ss' });
  const AUTH = { kind: 'bearer', username: 'acme', password: 'pa:ss' } as const;
  /** Asks of one namespace for as many repositories, each with a token of its own. */
  const flooded = async (auth?: typeof AUTH) => {
    registry = await startRegistry(auth ? { auth } : {});
    const one = client({ concurrencyPerHost: 1, keychain: login });
    const ask = (namespace: string, repository: string) =>
      one.inTurn(turnOf({ namespace })).manifest(tagged(registry, '1.0', repository), patient());
    const first = ask('a', 'shop/shared');
    const flood = Array.from({ length: 30 }, (_, index) => ask('a', `shop/app-${String(index)}`));
    return { ask, all: Promise.all([first, ...flood]) };
  };

  it('M22: the first request of one comes before the many of the other', async () => {
    const { ask, all } = await flooded();
    await ask('b', 'shop/web');
    expect(registry.requests.length).to.be.at.most(4);
    await all;
  });

  it('M22: blobs on their way for one namespace leave room for those of another', async () => {
    registry = await startRegistry();
    const one = client({ transfersPerHost: 4 });
    const opened: string[] = [];
    const ended = new AbortController();
    const transfer = (namespace: string, content: string): Promise<unknown> => {
      const bytes = Buffer.from(content);
      const blob = { mediaType: 'a/b', digest: digestOf(bytes), size: bytes.byteLength, annotations: {} };
      const source = {
        openBlob: () => {
          opened.push(namespace);
          return new Promise<undefined>(() => undefined);
        },
      };
      const from = { registry: 'registry.example.com', repository: 'shop/web' };
      const to = tagged(registry, '1.0', `${namespace}/web`);
      const turn = turnOf({ namespace, background: true });
      const view = one.as({ scope: 'acme', keychain: always(undefined), turn });
      return view.transferBlob({ blob, source, from, to, maybeThere: false }, ended.signal);
    };
    const all = Array.from({ length: 10 }, (_, index) => transfer('a', String(index)));
    while (opened.length < 3) await new Promise((resolve) => setImmediate(resolve));
    all.push(transfer('b', 'b'));
    while (opened.length < 4) await new Promise((resolve) => setImmediate(resolve));
    expect(opened).to.deep.equal(['a', 'a', 'a', 'b']);
    ended.abort();
    await Promise.allSettled(all);
  });

  it('M24: a token that both need is not fetched behind the requests of the one that asked first', async () => {
    const { ask, all } = await flooded(AUTH);
    await ask('b', 'shop/shared');
    expect(registry.requests.length, 'of more than ninety').to.be.at.most(10);
    await all;
    expect(registry.requests.filter(({ path }) => path.startsWith('/token'))).to.have.length(31);
  });
});
