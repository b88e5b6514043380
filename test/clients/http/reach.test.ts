import { expect } from 'chai';
import { createReach, Unreachable, type ReachOptions } from '../../../src/clients/http/index.ts';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'registry.example.com': ['203.0.113.7'],
  'storage.example.net': ['203.0.113.8', '2001:db8::8'],
  'registry.corp.example': ['10.1.0.5'],
  'storage.corp.example': ['10.1.0.6'],
  'metadata.example.net': ['169.254.169.254'],
  'loopback.example.net': ['127.0.0.1'],
  'mixed.example.net': ['203.0.113.9', '10.1.0.9'],
  'half-loopback.example.net': ['203.0.113.9', '::1'],
  'wrapped.example.net': ['64:ff9b::a9fe:a9fe'],
  'service.example.net': ['10.96.7.8'],
  'pod.example.net': ['10.244.1.2'],
  'api.example.net': ['10.96.0.1'],
  'registry.shop.svc': ['10.96.1.1'],
  'vault.shop.svc.cluster.local': ['203.0.113.9'],
  'vault.shop.svc.corp.example': ['10.9.9.9'],
  prometheus: ['10.9.9.9'],
  localhost: ['127.0.0.1', '::1'],
  'a.localhost': ['127.0.0.1'],
  'none.example.net': [],
};

function reachWith(options: Partial<ReachOptions> = {}) {
  return createReach({
    now: () => new Date(0),
    resolve: (name) => Promise.resolve(NAMES[name.toLowerCase().replace(/\.$/, '')] ?? []),
    ...options,
  });
}

const POD: Partial<ReachOptions> = {
  apiServer: '10.96.0.1',
  clusterRanges: ['10.244.0.0/16'],
  loopback: 'Refuse',
};

async function isReached(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    (error: unknown) => {
      expect(error).to.be.instanceOf(Unreachable);
      return false;
    },
  );
}

const host = (name: string): string => new URL(`http://${name}`).hostname;

describe('registries that are named', () => {
  const TABLE: readonly (readonly [string, Partial<ReachOptions>, boolean])[] = [
    ['registry.example.com', {}, true],
    ['registry.corp.example', {}, true],
    ['registry.shop.svc', POD, true],
    ['10.1.0.5', POD, true],
    ['localhost', {}, true],
    ['[::1]', {}, true],
    ['localhost', POD, false],
    ['127.0.0.1', POD, false],
    ['[::ffff:127.0.0.1]', POD, false],
    ['loopback.example.net', {}, false],
    ['loopback.example.net.', {}, false],
    ['half-loopback.example.net', {}, false],
    ['metadata.example.net', {}, false],
    ['169.254.169.254', {}, false],
    ['wrapped.example.net', {}, false],
    ['0.0.0.0', {}, false],
    ['none.example.net', {}, false],
    ['api.example.net', POD, false],
    ['10.96.0.1', POD, false],
    ['[::ffff:10.96.0.1]', POD, false],
    ['registry.corp.example', { privateRegistries: 'Refuse' }, false],
    ['registry.shop.svc', { privateRegistries: 'Refuse' }, false],
    ['registry.example.com', { privateRegistries: 'Refuse' }, true],
    ['registry.corp.example', { privateRegistries: 'Refuse', allowedAddresses: ['*.corp.example'] }, true],
    ['localhost', { ...POD, allowedAddresses: ['127.0.0.0/8', '::1'] }, true],
    ['localhost', { ...POD, allowedAddresses: ['127.0.0.0/8'] }, false],
    ['loopback.example.net', { allowedAddresses: ['loopback.example.net'] }, true],
  ];
  for (const [name, options, reached] of TABLE) {
    it(`N02 ${reached ? 'reaches' : 'refuses'} ${name} with ${JSON.stringify(options)}`, async () => {
      expect(await isReached(reachWith(options).named(host(name)))).to.equal(reached);
    });
  }
});

describe('hosts that a registry sends requests to', () => {
  const TABLE: readonly (readonly [string, string, Partial<ReachOptions>, boolean])[] = [
    ['registry.example.com', 'storage.example.net', {}, true],
    ['registry.example.com', 'registry.corp.example', {}, false],
    ['registry.example.com', '10.96.0.1', {}, false],
    ['registry.example.com', 'metadata.example.net', {}, false],
    ['registry.example.com', '169.254.169.254', {}, false],
    ['registry.example.com', 'loopback.example.net', {}, false],
    ['registry.example.com', 'localhost', {}, false],
    ['registry.example.com', 'a.localhost', {}, false],
    ['registry.example.com', 'mixed.example.net', {}, false],
    ['registry.example.com', 'wrapped.example.net', {}, false],
    ['registry.example.com', 'vault.shop.svc.cluster.local', {}, false],
    ['registry.example.com', 'storage.corp.example', { allowedAddresses: ['10.1.0.0/16'] }, true],
    [
      'registry.example.com',
      'storage.corp.example',
      { allowedAddresses: ['storage.corp.example:9000'] },
      true,
    ],
    ['registry.example.com', 'storage.corp.example', { allowedAddresses: ['corp.example'] }, false],
    ['registry.corp.example', 'storage.corp.example', {}, true],
    ['registry.corp.example', 'storage.example.net', {}, true],
    ['registry.corp.example', 'mixed.example.net', {}, true],
    ['registry.corp.example', '127.0.0.1', {}, false],
    ['registry.corp.example', 'service.example.net', POD, false],
    ['registry.corp.example', 'pod.example.net', POD, false],
    ['registry.corp.example', 'prometheus', POD, false],
    ['registry.corp.example', 'vault.shop.svc.corp.example', POD, false],
    ['registry.corp.example', 'api.example.net', POD, false],
    ['registry.shop.svc', 'registry.shop.svc', POD, true],
    ['registry.shop.svc', 'storage.corp.example', POD, true],
    ['registry.shop.svc', 'service.example.net', POD, false],
    ['registry.shop.svc', 'api.example.net', POD, false],
    ['127.0.0.1', '127.0.0.1', {}, true],
    ['127.0.0.1', 'localhost', {}, true],
    ['127.0.0.1', '169.254.169.254', {}, false],
    ['127.0.0.1', '10.0.0.1', {}, false],
    // An address between private and public counts as public: the owner of a name chooses its addresses.
    ['mixed.example.net', 'storage.corp.example', {}, false],
  ];
  for (const [sender, name, options, reached] of TABLE) {
    it(`H08 ${reached ? 'lets' : 'does not let'} ${sender} send to ${name} with ${JSON.stringify(options)}`, async () => {
      const outcome = reachWith(options).sentBy(host(sender), host(name));
      expect(await isReached(outcome)).to.equal(reached);
    });
  }

  it('N03 a host that was public is not taken for private when its addresses change', async () => {
    let [time, own] = [0, '203.0.113.7'];
    const resolve = (name: string) => Promise.resolve([name === 'evil.example.com' ? own : '10.1.0.6']);
    const reach = createReach({ now: () => new Date(time), resolve });
    await reach.named('evil.example.com');
    own = '10.1.0.5';
    time += 60_000;
    expect(await reach.named('evil.example.com')).to.equal('private');
    expect(await isReached(reach.sentBy('evil.example.com', 'vault.corp.example'))).to.equal(false);
    // The same host, by another spelling.
    for (const sender of ['evil.example.com.', 'EVIL.example.com'])
      expect(await isReached(reach.sentBy(sender, 'vault.corp.example')), sender).to.equal(false);
  });

  it('N04 names the host and the setting in a refusal', async () => {
    const message = await reachWith()
      .sentBy('registry.example.com', 'storage.corp.example')
      .catch((error: unknown) => (error as Error).message);
    expect(message).to.include('storage.corp.example').and.include('registries.allowedAddresses');
  });
});

describe('the addresses of names', () => {
  it('N05 are looked up once in ten seconds, and once for all who wait', async () => {
    let [asked, time] = [0, 0];
    const resolve = () => {
      asked += 1;
      return Promise.resolve(['203.0.113.7']);
    };
    const reach = createReach({ now: () => new Date(time), resolve });
    await Promise.all([1, 2, 3].map(() => reach.named('registry.example.com')));
    time = 9_999;
    await reach.named('registry.example.com');
    expect(asked).to.equal(1);
    time = 10_001;
    await reach.named('registry.example.com');
    expect(asked).to.equal(2);
  });

  it('N05 are those of the last minutes when DNS fails, and are judged by the same rules', async () => {
    let [time, fails] = [0, false];
    const resolve = () => (fails ? Promise.reject(new Error('EAI_AGAIN')) : Promise.resolve(['203.0.113.7']));
    const reach = createReach({ now: () => new Date(time), resolve });
    await reach.named('registry.example.com');
    [time, fails] = [60_000, true];
    expect(await reach.named('registry.example.com')).to.equal('public');
    time = 10 * 60_000;
    const outcome = await reach.named('registry.example.com').catch((error: unknown) => error);
    expect(outcome).to.have.property('message', 'EAI_AGAIN');
  });
});
