import { mkdir } from 'node:fs/promises';
import { expect } from 'chai';
import { openCluster, ownNamespace } from '../../../src/clients/kubernetes/index.ts';
import { readInCluster } from '../../../src/clients/kubernetes/kube-config.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { kubeconfig } from './open.ts';

const SECRET = 'c2VjcmV0';
const HTTPS = 'https://api.example.com:6443';

async function problems(content: unknown): Promise<string | undefined> {
  const folder = await temporaryFolder({ kubeconfig: content });
  try {
    const opened = await openCluster({
      kubeconfig: `${folder.path}/kubeconfig`,
      userAgent: 'pratique/0.0.0',
    });
    if (!opened.ok)
      expect(opened.problems.every(({ path }) => path === `${folder.path}/kubeconfig`)).to.equal(true);
    if (opened.ok) await opened.value.close();
    return opened.ok ? undefined : opened.problems.map(({ message }) => message).join();
  } finally {
    await folder.remove();
  }
}

describe('the configuration of the client', () => {
  const user = { token: SECRET };
  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['no YAML', `users: [{token: ${SECRET}`, /no kubeconfig/],
    ['nothing', '', /no kubeconfig|no cluster/],
    ['no server', { ...kubeconfig(HTTPS, user), clusters: [{ name: 'acme', cluster: {} }] }, /no kubeconfig/],
    ['no such context', { ...kubeconfig(HTTPS, user), 'current-context': 'other' }, /no cluster/],
    ['no such user', { ...kubeconfig(HTTPS, user), users: [] }, /no user/],
    ['no URL', kubeconfig('https://', user), /no URL/],
    ['another protocol', kubeconfig('ftp://api.example.com', user), /https/],
    ['plain http elsewhere', kubeconfig('http://api.example.com', user), /loopback/],
    [
      'plain http on a name that begins like loopback',
      kubeconfig('http://127.0.0.1.example.com', user),
      /loopback/,
    ],
    ['unverified TLS elsewhere', kubeconfig(HTTPS, user, { 'insecure-skip-tls-verify': true }), /loopback/],
    ['a login in the URL', kubeconfig(`https://robot:${SECRET}@api.example.com`, user), /login/],
    ['a query in the URL', kubeconfig(`${HTTPS}/?token=${SECRET}`, user), /query/],
    ['a SOCKS proxy', kubeconfig(HTTPS, user, { 'proxy-url': 'socks5://127.0.0.1:1080' }), /SOCKS/],
  ];
  for (const [what, content, says] of bad) {
    it(`is refused with ${what}, and not repeated`, async () => {
      expect(await problems(content))
        .to.match(says)
        .and.not.contain(SECRET);
    });
  }

  for (const [what, content] of [
    ['https', kubeconfig(HTTPS, user)],
    ['a path', kubeconfig(`${HTTPS}/k8s/clusters/c-1`, user)],
    ['http on loopback', kubeconfig('http://127.0.0.1:8001', user)],
    ['http on loopback in IPv6', kubeconfig('http://[::1]:8001', user)],
    [
      'unverified TLS on loopback',
      kubeconfig('https://localhost:6443', user, { 'insecure-skip-tls-verify': true }),
    ],
    ['an HTTP proxy', kubeconfig(HTTPS, user, { 'proxy-url': 'http://127.0.0.1:3128' })],
  ] as const) {
    it(`is good with ${what}`, async () => {
      expect(await problems(content)).to.equal(undefined);
    });
  }

  it('names a missing file', async () => {
    const opened = await openCluster({ kubeconfig: '/nowhere/kubeconfig', userAgent: 'pratique/0.0.0' });
    expect(opened).to.deep.equal({
      ok: false,
      problems: [{ path: '/nowhere/kubeconfig', message: 'cannot be read (ENOENT)' }],
    });
  });
});

describe('the configuration of a pod', () => {
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
  const names = ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'] as const;
  let root: Awaited<ReturnType<typeof temporaryFolder>>;
  let before: (string | undefined)[];
  beforeEach(async () => {
    before = names.map((name) => process.env[name]);
    root = await temporaryFolder();
    await mkdir(`${root.path}${folder}`, { recursive: true });
  });
  afterEach(async () => {
    names.forEach((name, at) =>
      before[at] === undefined ? Reflect.deleteProperty(process.env, name) : (process.env[name] = before[at]),
    );
    await root.remove();
  });
  const mount = async (): Promise<void> => {
    for (const name of ['token', 'ca.crt', 'namespace'])
      await root.write(`${folder}/${name}`, `${name} of acme\n`);
  };
  const environment = (host?: string, port?: string): void =>
    [host, port].forEach((value, at) =>
      value === undefined
        ? Reflect.deleteProperty(process.env, names[at]!)
        : (process.env[names[at]!] = value),
    );

  it('names every file that is missing', async () => {
    const read = await readInCluster(root.path);
    expect(read.ok ? [] : read.problems.map(({ path }) => path)).to.deep.equal([
      `${root.path}${folder}/token`,
      `${root.path}${folder}/ca.crt`,
    ]);
  });

  it('names the variables that are missing', async () => {
    await mount();
    environment();
    const read = await readInCluster(root.path);
    expect(read.ok ? '' : read.problems[0]?.path).to.equal('KUBERNETES_SERVICE_HOST');
  });

  it('is read, also with an IPv6 address', async () => {
    await mount();
    environment('fd00::1', '443');
    const read = await readInCluster(root.path);
    expect(read.ok && read.value.getCurrentCluster()?.server).to.equal('https://[fd00::1]:443');
  });

  it('never uses plain http, whatever the port', async () => {
    await mount();
    environment('10.96.0.1', '8080');
    expect((await readInCluster(root.path)).ok).to.equal(false);
  });

  it('returns the namespace, and undefined outside of a cluster', async () => {
    await mount();
    expect(await ownNamespace(`${root.path}${folder}`)).to.equal('namespace of acme');
    expect(await ownNamespace(`${root.path}/nowhere`)).to.equal(undefined);
  });
});
