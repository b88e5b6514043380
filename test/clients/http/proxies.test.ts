import { expect } from 'chai';
import { openProxies, type Proxies } from '../../../src/clients/http/index.ts';
import { parsed, problem } from '../../../src/core/model/index.ts';
import { parseSettings, type SettingsInput } from '../../../src/core/settings/index.ts';

type Variables = Readonly<Record<string, string>>;

const LOGIN_FILE = '/etc/proxy/login';
const files: Variables = { [LOGIN_FILE]: 'acme:pa:ss word\n', '/etc/proxy/broken': 'no colon' };

async function read(environment: Variables, proxy: SettingsInput['proxy'] = {}) {
  const settings = parseSettings({ proxy });
  if (!settings.ok) return settings;
  return openProxies(settings.value.proxy, {
    environment,
    readText: (file) =>
      Promise.resolve(file in files ? parsed(files[file] ?? '') : problem(file, 'is not there')),
    readCertificates: () => Promise.resolve(parsed('')),
  });
}

async function proxies(environment: Variables, proxy?: SettingsInput['proxy']): Promise<Proxies> {
  const outcome = await read(environment, proxy);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.problems));
  if (!outcome.value) throw new Error('no proxy');
  return outcome.value;
}

const PROXY = 'http://proxy.example.com:3128';

describe('proxies', () => {
  it('are none without settings and variables', async () => {
    expect(await read({ NO_PROXY: '*', http_proxy: '' })).to.deep.equal(parsed(undefined));
  });

  const CHOSEN: readonly (readonly [string, Variables, SettingsInput['proxy'], string])[] = [
    ['upper case', { HTTPS_PROXY: PROXY }, {}, PROXY],
    ['lower case', { https_proxy: PROXY }, {}, PROXY],
    [
      'upper case before lower case',
      { HTTPS_PROXY: PROXY, https_proxy: 'http://other.example.com' },
      {},
      PROXY,
    ],
    ['lower case where upper case is empty', { HTTPS_PROXY: '', https_proxy: PROXY }, {}, PROXY],
    ['an address without a scheme', { HTTPS_PROXY: 'proxy.example.com:3128' }, {}, PROXY],
    ['a setting before the variable', { HTTPS_PROXY: 'http://other.example.com' }, { https: PROXY }, PROXY],
    [
      'a login',
      { HTTPS_PROXY: 'http://acme:p%40ss@proxy.example.com:3128' },
      {},
      'http://acme:p%40ss@proxy.example.com:3128',
    ],
    [
      'a percent sign that is no code',
      { HTTPS_PROXY: 'http://acme:50%@proxy.example.com:3128' },
      {},
      'http://acme:50%25@proxy.example.com:3128',
    ],
    [
      'the login of a file',
      {},
      { https: PROXY, loginFile: LOGIN_FILE },
      'http://acme:pa%3Ass%20word@proxy.example.com:3128',
    ],
  ];
  for (const [what, variables, settings, expected] of CHOSEN)
    it(`are found by ${what}, and handed on in both cases`, async () => {
      const { of, environment } = await proxies(variables, settings);
      expect(of(new URL('https://registry.example.com/'))).to.not.equal(undefined);
      expect(environment).to.include({ HTTPS_PROXY: expected, https_proxy: expected });
    });

  it('of http are not those of https', async () => {
    const { of } = await proxies({ HTTP_PROXY: PROXY });
    expect(of(new URL('http://registry.example.com/'))).to.not.equal(undefined);
    expect(of(new URL('https://registry.example.com/'))).to.equal(undefined);
  });

  it('N17 of the environment do not get the login of the settings', async () => {
    const { environment } = await proxies({ HTTP_PROXY: PROXY }, { https: PROXY, loginFile: LOGIN_FILE });
    expect(environment).to.include({ HTTP_PROXY: PROXY });
    expect(environment.HTTPS_PROXY).to.include('acme');
  });

  it('of the environment are none where a setting is empty', async () => {
    const { of } = await proxies({ HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY }, { https: '' });
    expect(of(new URL('https://registry.example.com/'))).to.equal(undefined);
  });

  const WRONG: readonly (readonly [string, Variables, SettingsInput['proxy'], string])[] = [
    ['a SOCKS proxy', { HTTPS_PROXY: 'socks5://acme:secret@proxy.example.com' }, {}, 'HTTPS_PROXY'],
    ['no address', { http_proxy: 'http://acme:secret@' }, {}, 'HTTP_PROXY'],
    ['a path', { HTTP_PROXY: 'http://acme:secret@proxy.example.com/path' }, {}, 'HTTP_PROXY'],
    ['a login in the settings', {}, { http: 'http://acme:secret@proxy.example.com' }, 'proxy.http'],
    ['another scheme', {}, { https: 'ftp://proxy.example.com' }, 'proxy.https'],
    ['a file that is not there', {}, { https: PROXY, loginFile: '/etc/secret' }, '/etc/secret'],
    ['a login that is none', {}, { https: PROXY, loginFile: '/etc/proxy/broken' }, 'proxy.loginFile'],
    ['a range that is none', {}, { https: PROXY, noProxy: ['10.0.0.0/33'] }, 'proxy.noProxy[0]'],
    [
      'two hosts in one entry',
      {},
      { https: PROXY, noProxy: ['one.example,two.example'] },
      'proxy.noProxy[0]',
    ],
  ];
  for (const [what, variables, settings, path] of WRONG)
    it(`N17 with ${what} are a problem that names where, and shows no login`, async () => {
      const outcome = await read(variables, settings);
      expect(outcome.ok ? [] : outcome.problems.map((one) => one.path)).to.deep.equal([path]);
      expect(JSON.stringify(outcome)).to.not.include('acme:secret');
    });
});

describe('what NO_PROXY names', () => {
  const TABLE: readonly (readonly [list: string, direct: readonly string[], proxied: readonly string[]])[] = [
    ['', [], ['https://corp.example/', 'https://10.0.0.1/']],
    ['*', ['https://corp.example/', 'https://10.0.0.1/', 'https://[fd00::1]/'], []],
    [
      'corp.example',
      ['https://corp.example/', 'https://a.b.corp.example/', 'https://CORP.example./'],
      ['https://xcorp.example/', 'https://corp.example.net/'],
    ],
    ['.corp.example', ['https://a.corp.example/'], ['https://corp.example/', 'https://xcorp.example/']],
    ['*.corp.example', ['https://a.corp.example/'], ['https://corp.example/']],
    ['corp.example.', ['https://corp.example/'], []],
    ['CORP.Example', ['https://corp.example/'], []],
    [
      'corp.example:5000',
      ['https://corp.example:5000/', 'http://a.corp.example:5000/'],
      ['https://corp.example/', 'https://corp.example:5001/'],
    ],
    ['corp.example:443', ['https://corp.example/'], ['http://corp.example/']],
    [
      '10.0.0.0/8',
      ['https://10.1.2.3/', 'https://10.1.2.3:5000/', 'https://[::ffff:10.1.2.3]/'],
      ['https://11.0.0.1/', 'https://ten.example/'],
    ],
    ['10.0.0.5', ['https://10.0.0.5/', 'https://0xa.0.0.5/'], ['https://10.0.0.6/']],
    ['10.0.0.5:5000', ['https://10.0.0.5:5000/'], ['https://10.0.0.5/']],
    ['fd00::/8', ['https://[fd00::1]/'], ['https://[2001:db8::1]/']],
    ['fd00::1', ['https://[fd00::1]/'], ['https://[fd00::2]/']],
    ['[fd00::1]:5000', ['https://[fd00::1]:5000/'], ['https://[fd00::1]/']],
    [
      ' one.example , two.example three.example,,',
      ['https://one.example/', 'https://two.example/', 'https://three.example/'],
      ['https://four.example/'],
    ],
    ['bücher.example', ['https://bücher.example/', 'https://xn--bcher-kva.example/'], []],
    [
      '10.0.0.0/99,/,.,:,[,*.,good.example',
      ['https://good.example/'],
      ['https://10.0.0.1/', 'https://other.example/'],
    ],
  ];
  for (const [list, direct, proxied] of TABLE)
    it(`is reached directly: "${list}"`, async () => {
      const { of } = await proxies({ HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY, no_proxy: list });
      for (const url of direct) expect(of(new URL(url)), url).to.equal(undefined);
      for (const url of proxied) expect(of(new URL(url)), url).to.not.equal(undefined);
    });

  it('is what the settings name, where they do', async () => {
    const { of } = await proxies({ NO_PROXY: '*' }, { https: PROXY, noProxy: ['corp.example'] });
    expect(of(new URL('https://corp.example/'))).to.equal(undefined);
    expect(of(new URL('https://example.com/'))).to.not.equal(undefined);
  });

  it('N19 is always loopback, the API server and what only the cluster knows', async () => {
    const { of, environment } = await proxies({
      HTTP_PROXY: PROXY,
      HTTPS_PROXY: PROXY,
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
    });
    for (const host of [
      'localhost:5000',
      '127.0.0.1',
      '[::1]',
      'a.localhost',
      '10.96.0.1',
      'kubernetes.default.svc',
      'registry.shop.svc.cluster.local',
    ])
      expect(of(new URL(`https://${host}/`)), host).to.equal(undefined);
    expect(environment.NO_PROXY?.split(',')).to.include.members([
      'localhost',
      '127.0.0.1',
      '.svc',
      '.cluster.local',
    ]);
  });

  it('is everything for programs that do not know the star', async () => {
    const { environment } = await proxies({ HTTPS_PROXY: PROXY, NO_PROXY: 'corp.example,*' });
    expect(environment).to.include({ HTTPS_PROXY: '', https_proxy: '' });
  });
});
