import { chmod } from 'node:fs/promises';
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFile, rm } from 'node:fs/promises';
import { expect } from 'chai';
import type { Cluster } from '../../../src/clients/kubernetes/types.ts';
import { openCluster } from '../../../src/clients/kubernetes/index.ts';
import { startApiServer, type ApiServer } from '../../support/api-server/index.ts';
import { createAuthority } from '../../support/certificates.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { ACME, configMap, faultOf, kubeconfig, open } from './open.ts';

const web = { ...ACME, name: 'web' };

describe('the login of the client', () => {
  let server: ApiServer;
  let cluster: (Cluster & { readonly folder: TemporaryFolder }) | undefined;
  beforeEach(async () => {
    server = await startApiServer();
  });
  afterEach(async () => {
    await cluster?.close();
    await server.close();
  });
  const only = (token: string): void => {
    server.tokens.clear();
    server.tokens.add(token);
  };
  const asked = (): (string | undefined)[] => server.requests.map(({ headers }) => headers.authorization);

  it('with a token file is read again after a 401, and the call sent once more', async () => {
    only('one');
    cluster = await open(server.url, {
      user: { tokenFile: 'token', token: 'ignored' },
      files: { token: 'one\n' },
    });
    expect(await cluster.get(web)).to.equal(undefined);
    await cluster.folder.write('token', 'two\n');
    only('two');
    expect((await cluster.create(ACME, configMap('web'))).ok).to.equal(true);
    await cluster.get(web);
    expect(asked()).to.deep.equal(['one', 'one', 'two', 'two'].map((token) => `Bearer ${token}`));
  });

  it('is renewed once for many calls that are refused at the same time', async () => {
    only('one');
    cluster = await open(server.url, { user: { tokenFile: 'token' }, files: { token: 'one' } });
    const get = cluster.get;
    await get(web);
    await cluster.folder.write('token', 'two');
    only('two');
    await Promise.all(Array.from({ length: 10 }, () => get(web)));
    expect(asked().filter((token) => token === 'Bearer two')).to.have.length(10);
  });

  it('is refused after one request when no newer one exists', async () => {
    only('another');
    cluster = await open(server.url, { user: { token: 'one' } });
    const fault = await faultOf(cluster.get(web), 'ClusterDenied');
    expect(fault.message).to.not.contain('one');
    expect(asked()).to.have.length(1);
    await faultOf(cluster.create(ACME, configMap('web')), 'ClusterDenied');
  });

  it('for a watch is renewed too', async () => {
    only('one');
    cluster = await open(server.url, { user: { tokenFile: 'token' }, files: { token: 'one' } });
    const { resourceVersion } = await cluster.list(ACME);
    await cluster.folder.write('token', 'two');
    only('two');
    server.twin.put(ACME.resource, configMap('web'));
    for await (const event of cluster.watch(ACME, resourceVersion, new AbortController().signal)) {
      expect(event.type).to.equal('added');
      break;
    }
  });

  it('with a name and a password is Basic', async () => {
    cluster = await open(server.url, { user: { username: 'robot', password: 'p' } });
    await cluster.get(web);
    expect(asked()).to.deep.equal([`Basic ${Buffer.from('robot:p').toString('base64')}`]);
  });

  it('works while its files are missing for a moment', async () => {
    only('one');
    cluster = await open(server.url, { user: { tokenFile: 'token' }, files: { token: 'one' } });
    await cluster.get(web);
    await rm(`${cluster.folder.path}/token`);
    server.cutWatches();
    server.intercept(() => 'hang up');
    await faultOf(cluster.create(ACME, configMap('web')), 'ClusterUnavailable'); // makes it read its files again
    server.intercept(undefined);
    expect(await cluster.get(web)).to.equal(undefined);
    only('two');
    const fault = await faultOf(cluster.get(web), 'ClusterUnavailable');
    expect(fault.detail).to.contain('login').and.contain('ENOENT');
  });

  describe('by a plugin', () => {
    async function plugin(script: string): Promise<Cluster & { readonly folder: TemporaryFolder }> {
      const folder = await temporaryFolder();
      const command = await folder.write(
        'plugin',
        `#!/bin/sh\ncd ${folder.path}\necho run >> runs\n${script}\n`,
      );
      await chmod(command, 0o700);
      const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command } };
      const opened = await open(server.url, { user, requestTimeoutMs: 30_000 });
      return { ...opened, folder, close: () => opened.close().then(() => folder.remove()) };
    }
    const runs = async (folder: TemporaryFolder): Promise<number> =>
      (await readFile(`${folder.path}/runs`, 'utf8')).trim().split('\n').length;
    const CREDENTIAL = `printf '{"kind":"ExecCredential","status":{"token":"%s"}}' "$(cat token)"`;

    it('runs once, and again after a 401', async () => {
      only('one');
      const robot = (cluster = await plugin(CREDENTIAL));
      await robot.folder.write('token', 'one');
      await robot.get(web);
      await robot.get(web);
      expect(await runs(robot.folder)).to.equal(1);
      await robot.folder.write('token', 'two');
      only('two');
      await Promise.all(Array.from({ length: 5 }, () => robot.get(web)));
      expect(await runs(robot.folder)).to.equal(2);
    });

    it('does not run for each of many refusals', async () => {
      only('another');
      const robot = (cluster = await plugin(CREDENTIAL));
      await robot.folder.write('token', 'one');
      const began = performance.now();
      for (let n = 0; n < 5; n += 1) await faultOf(robot.get(web), 'ClusterDenied');
      const seconds = Math.floor((performance.now() - began) / 1_000);
      expect(await runs(robot.folder), 'one more a second at most').to.be.within(2, 2 + seconds);
    });

    it('may fail, and its output is not repeated', async () => {
      cluster = await plugin('echo password: c2VjcmV0 >&2; exit 1');
      const fault = await faultOf(cluster.get(web), 'ClusterUnavailable');
      expect(fault.message).to.contain('login').and.not.contain('c2Vj');
      expect(fault.cause).to.equal(undefined);
    });

    it('may hang, but not longer than the deadline of the call', async () => {
      cluster = await plugin('exec sleep 4');
      await faultOf(cluster.get(web, AbortSignal.timeout(50)), 'ClusterUnavailable');
    });
  });
});

describe('the certificate of the API server', () => {
  let server: https.Server;
  let folder: TemporaryFolder;
  let cluster: Cluster | undefined;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    await cluster?.close();
    server.close();
    server.closeAllConnections();
    await folder.remove();
  });

  it('is trusted as soon as the CA file contains its CA, and not before', async () => {
    const [right, wrong] = await Promise.all([createAuthority('acme-ca'), createAuthority('other-ca')]);
    const leaf = await right.issue({ commonName: 'api', ips: ['127.0.0.1'], usage: 'server' });
    server = https
      .createServer({ ...leaf }, (_, response) => response.writeHead(404).end('{}'))
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await folder.write('ca.crt', wrong.cert);
    const config = await folder.write(
      'kubeconfig',
      kubeconfig(url, { token: 'one' }, { 'certificate-authority': 'ca.crt' }),
    );
    const opened = await openCluster({ kubeconfig: config, userAgent: 'pratique/0.0.0' });
    if (!opened.ok) throw new Error('not opened');
    cluster = opened.value;
    const fault = await faultOf(cluster.get(web), 'ClusterUnavailable');
    expect(fault.detail).to.contain('certificate');
    await folder.write('ca.crt', right.cert);
    expect(await cluster.get(web)).to.equal(undefined);
  });
});
