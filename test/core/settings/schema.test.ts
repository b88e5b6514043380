import { expect } from 'chai';
import { parseSettings } from '../../../src/core/settings/index.ts';
import { pathsOf, settingsOf } from './settings.ts';

describe('parseSettings', () => {
  it('fills in every default', () => {
    // Settings of an installation in a cluster have a separate table.
    expect(settingsOf({})).to.deep.include({
      unmatchedImages: 'Allow',
      registries: {
        insecure: [],
        allowedAddresses: [],
        clusterRanges: [],
        privateRegistries: 'Allow',
        githubPackages: [],
        tokenServices: [],
        mirrors: [],
        identities: [],
        caFiles: [],
        concurrencyPerHost: 16,
        waitingPerNamespace: 1_000,
        requestTimeoutMs: 5_000,
      },
      memory: {
        foundMs: 120_000,
        absentMs: 5_000,
        unknownMs: 3_000,
        maxFacts: 100_000,
        maxBytes: 67_108_864,
        loadTimeoutMs: 30_000,
      },
      budgets: { bytesInFlight: 33_554_432, namespaceBytesPerMinute: 1_073_741_824 },
      trust: {},
      webhook: {
        listen: { host: '', port: 8443 },
        maxBodyBytes: 8_388_608,
        lingerMs: 0,
        defaultTimeoutMs: 10_000,
        pathSecret: 'pratique-webhook-path',
        clientNames: [],
      },
    });
  });

  it('knows these blocks', () => {
    expect(Object.keys(settingsOf({}))).to.have.members([
      ...[
        'unmatchedImages',
        'registries',
        'proxy',
        'memory',
        'budgets',
        'trust',
        'credentials',
        'webhook',
        'operations',
        'pinning',
      ],
      ...[
        'workloadKinds',
        'placeholderImages',
        'cluster',
        'certificates',
        'audit',
        'selfTest',
        'promotions',
        'events',
        'scanner',
        'signing',
      ],
    ]);
  });

  it('keeps what is written', () => {
    const written = {
      unmatchedImages: 'Deny',
      registries: {
        insecure: ['registry.example.com:5000', '[::1]:5000'],
        allowedAddresses: [
          'minio.lan:9000',
          '*.lan',
          '10.0.0.5',
          '10.0.0.0/8',
          'fd00::/8',
          '[fd00::1]:9000',
          'fd00::1',
        ],
        clusterRanges: ['10.96.0.0/12', 'fd00::/8'],
        privateRegistries: 'Refuse',
        githubPackages: [{ registry: 'ghcr.example.com', api: 'https://github.example.com/api/v3' }],
        tokenServices: [
          { registries: ['*.corp.example', '127.0.0.1:5000'], hosts: ['auth.example.net:8443'] },
        ],
        mirrors: [
          {
            prefix: 'docker.io',
            endpoints: [{ location: 'mirror.example.com:5000/hub', complete: true }],
            upstream: 'Never',
          },
        ],
        identities: [{ cloud: 'AWS', region: 'eu-west-1' }],
        caFiles: ['ca.pem'],
        concurrencyPerHost: 1,
        waitingPerNamespace: 1,
        requestTimeoutMs: 1,
      },
      memory: { foundMs: 1, absentMs: 2, unknownMs: 3, maxFacts: 4, maxBytes: 5, loadTimeoutMs: 6 },
      budgets: { bytesInFlight: 20_000_000, namespaceBytesPerMinute: 2_000_000 },
      trust: { refresh: { cache: 'tuf', mirror: 'https://tuf.example.com', everyMs: 9 } },
      webhook: {
        listen: ':1',
        tlsCert: 'c',
        tlsKey: 'k',
        maxBodyBytes: 7,
        lingerMs: 9,
        defaultTimeoutMs: 8,
        pathSecret: 'path',
        clientNames: ['kube-apiserver'],
      },
    };
    expect(settingsOf(written)).to.deep.include({
      ...written,
      webhook: { ...written.webhook, listen: { host: '', port: 1 } },
    });
  });

  it('fills in the rest of a refresh, which is off unless a cache is named', () => {
    expect(settingsOf({ trust: { refresh: { cache: 'tuf' } } }).trust).to.deep.equal({
      refresh: { cache: 'tuf', mirror: 'https://tuf-repo-cdn.sigstore.dev', everyMs: 86_400_000 },
    });
  });

  const listens: readonly [string, { host: string; port: number } | undefined][] = [
    [':8443', { host: '', port: 8443 }],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['[::1]:8443', { host: '::1', port: 8443 }],
    ['[::]:8443', { host: '::', port: 8443 }],
    ['8443', undefined],
    ['localhost', undefined],
    ['::1:8443', undefined],
    ['[]:8443', undefined],
    ['localhost:65536', undefined],
    ['localhost:-1', undefined],
    ['https://localhost:8443', undefined],
    ['', undefined],
  ];
  for (const [listen, expected] of listens) {
    it(`${expected ? 'accepts' : 'refuses'} "${listen}" as an address to listen on`, () => {
      if (expected) expect(settingsOf({ webhook: { listen } }).webhook.listen).to.deep.equal(expected);
      else expect(pathsOf({ webhook: { listen } })).to.deep.equal(['webhook.listen']);
    });
  }

  const wrong: readonly [string, unknown, string][] = [
    ['an unknown key', { registry: {} }, ''],
    ['an unknown key inside', { memory: { foundMS: 1 } }, 'memory'],
    ['an unknown key of trust', { trust: { refreshing: {} } }, 'trust'],
    ['an unknown key of a refresh', { trust: { refresh: { cache: 'tuf', mirrorURL: '' } } }, 'trust.refresh'],
    ['a refresh without a cache', { trust: { refresh: {} } }, 'trust.refresh.cache'],
    ['an empty cache path', { trust: { refresh: { cache: '' } } }, 'trust.refresh.cache'],
    [
      'a mirror that is no URL',
      { trust: { refresh: { cache: 'tuf', mirror: 'tuf.example.com/x y' } } },
      'trust.refresh.mirror',
    ],
    [
      'a refresh without a pause',
      { trust: { refresh: { cache: 'tuf', everyMs: 0 } } },
      'trust.refresh.everyMs',
    ],
    [
      'a refresh less often than once a day',
      { trust: { refresh: { cache: 'tuf', everyMs: 86_400_001 } } },
      'trust.refresh.everyMs',
    ],
    ['another verdict', { unmatchedImages: 'deny' }, 'unmatchedImages'],
    [
      'a URL for a registry',
      { registries: { insecure: ['registry.example.com', 'http://registry.example.com'] } },
      'registries.insecure[1]',
    ],
    [
      'a path for a registry',
      { registries: { insecure: ['registry.example.com/shop'] } },
      'registries.insecure[0]',
    ],
    [
      'a range that is none',
      { registries: { allowedAddresses: ['10.0.0.0/33'] } },
      'registries.allowedAddresses[0]',
    ],
    [
      'a URL for an address',
      { registries: { allowedAddresses: ['https://minio.lan'] } },
      'registries.allowedAddresses[0]',
    ],
    [
      'everything as an address',
      { registries: { allowedAddresses: ['*'] } },
      'registries.allowedAddresses[0]',
    ],
    [
      'everything below a range',
      { registries: { allowedAddresses: ['*.10.0.0.0/8'] } },
      'registries.allowedAddresses[0]',
    ],
    [
      'a host for a range',
      { registries: { clusterRanges: ['cluster.local'] } },
      'registries.clusterRanges[0]',
    ],
    [
      'another word for private registries',
      { registries: { privateRegistries: 'Deny' } },
      'registries.privateRegistries',
    ],
    ['an empty file name', { registries: { caFiles: [''] } }, 'registries.caFiles[0]'],
    ['no request at a time', { registries: { concurrencyPerHost: 0 } }, 'registries.concurrencyPerHost'],
    [
      'too many requests at a time',
      { registries: { concurrencyPerHost: 257 } },
      'registries.concurrencyPerHost',
    ],
    ['no request that waits', { registries: { waitingPerNamespace: 0 } }, 'registries.waitingPerNamespace'],
    ['a time that is a text', { registries: { requestTimeoutMs: '5s' } }, 'registries.requestTimeoutMs'],
    ['a time of no length', { memory: { foundMs: 0 } }, 'memory.foundMs'],
    ['a time that Node cannot wait', { memory: { loadTimeoutMs: 2 ** 31 } }, 'memory.loadTimeoutMs'],
    ['half a byte', { memory: { maxBytes: 0.5 } }, 'memory.maxBytes'],
    ['a timeout that no webhook has', { webhook: { defaultTimeoutMs: 30_001 } }, 'webhook.defaultTimeoutMs'],
    ['no body', { webhook: { maxBodyBytes: 0 } }, 'webhook.maxBodyBytes'],
    ['an empty certificate path', { webhook: { tlsCert: '' } }, 'webhook.tlsCert'],
    ['an empty key path', { webhook: { tlsKey: '' } }, 'webhook.tlsKey'],
    ['nothing at all', null, ''],
    ['a list', [], ''],
  ];
  for (const [what, input, path] of wrong) {
    it(`refuses ${what}`, () => expect(pathsOf(input)).to.deep.equal([path]));
  }

  it('names the unknown key', () => {
    const read = parseSettings({ memory: { foundMS: 1 } });
    expect(JSON.stringify(read)).to.include('foundMS');
  });

  it('lists all problems at once', () => {
    expect(
      pathsOf({
        unmatchedImages: 1,
        registries: { insecure: [''] },
        webhook: { listen: 'x' },
        memory: { maxFacts: -1 },
      }),
    ).to.have.members(['unmatchedImages', 'registries.insecure[0]', 'webhook.listen', 'memory.maxFacts']);
  });
});
