import { expect } from 'chai';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Fault } from '../../../src/core/model/index.ts';
import { startProxy } from '../../support/registry/proxy.ts';
import { proxiesOf } from '../http/proxies.ts';
import { IMAGE, patient, program, removePrograms, trivy } from './fixture.ts';

describe('a Trivy server', () => {
  const servers: Server[] = [];
  /** The `Authorization` of every request. */
  const asked: (string | undefined)[] = [];
  afterEach(async () => {
    await removePrograms();
    asked.length = 0;
    await Promise.all(servers.splice(0).map((one) => new Promise((resolve) => one.close(resolve))));
  });

  /** Starts a server that answers every request like this, and returns its URL. */
  async function serve(status: number, body: string | Buffer): Promise<string> {
    const server = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(request.url === '/version' ? status : 404);
      response.end(body);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const ABOUT = '{"Version":"0.74.0","VulnerabilityDB":{"Version":2,"UpdatedAt":"2026-02-28T00:00:00Z"}}';

  it('uses its own database, which is not updated here', async () => {
    const { command, runs } = await program();
    const serverUrl = await serve(200, ABOUT);
    const { databaseUpdatedAt } = await trivy(command, { serverUrl, offline: false }).scan(IMAGE, patient());
    expect(databaseUpdatedAt).to.deep.equal(new Date('2026-02-28T00:00:00Z'));
    const seen = await runs();
    expect(seen).to.have.length(1);
    expect(seen[0]?.args.join(' '))
      .to.include(`--server ${serverUrl}`)
      .and.not.to.include('--skip-db-update');
  });

  it('is asked with the login in its URL, when there is one', async () => {
    const { command } = await program();
    const serverUrl = await serve(200, ABOUT);
    await trivy(command, { serverUrl }).scan(IMAGE, patient());
    await trivy(command, { serverUrl: serverUrl.replace('://', '://acme:p%40ss@') }).scan(IMAGE, patient());
    expect(asked).to.deep.equal([undefined, `Basic ${Buffer.from('acme:p@ss').toString('base64')}`]);
  });

  it('is asked through the proxy, also where a promotion names it', async () => {
    const { command, scans } = await program();
    const port = Number(new URL(await serve(200, ABOUT)).port);
    const proxy = await startProxy({ route: () => port });
    const { proxies } = await proxiesOf({ HTTP_PROXY: proxy.url });
    const serverUrl = 'http://scanner.corp-only.example:4954';
    const { as } = trivy(command, { reach: { now: () => new Date(), proxies } });
    await as({ serverUrl })(IMAGE, patient());
    await proxy.close();
    expect(proxy.seen).to.deep.equal([`GET ${serverUrl}/version`]);
    expect(await scans()).to.have.length(1);
  });

  it('of a promotion replaces the one in the settings, and never receives its token', async () => {
    const { command, scans } = await program();
    const [ours, theirs] = [await serve(200, ABOUT), await serve(200, ABOUT)];
    const environment = { ...process.env, TRIVY_TOKEN: 'a token' };
    const { scan, as } = trivy(command, { serverUrl: ours, environment });
    await scan(IMAGE, patient());
    await as({ serverUrl: theirs })(IMAGE, patient());
    const seen = (await scans()).map(({ args, environment: { TRIVY_TOKEN: token } }) => [
      args.includes(theirs),
      token,
    ]);
    expect(seen).to.deep.equal([
      [false, 'a token'],
      [true, undefined],
    ]);
  });

  it('N12 of a promotion is not contacted at an internal address, and the one in the settings is', async () => {
    const { command, scans } = await program();
    const [ours, theirs] = [await serve(200, ABOUT), await serve(200, ABOUT)];
    const reach = { now: () => new Date(), loopback: 'Refuse' } as const;
    const { scan, as } = trivy(command, { serverUrl: ours, reach });
    for (const serverUrl of [theirs, 'http://169.254.169.254/', 'http://[::ffff:127.0.0.1]:4954']) {
      const fault: unknown = await as({ serverUrl })(IMAGE, patient()).catch((error: unknown) => error);
      expect(fault).to.be.instanceOf(Fault).with.property('code', 'ScannerFailed');
    }
    expect([asked.length, (await scans()).length]).to.deep.equal([0, 0]);
    await scan(IMAGE, patient());
    expect(asked).to.have.length(1);
  });

  const wrong: readonly [string, () => Promise<string>][] = [
    ['is away', () => Promise.resolve('http://127.0.0.1:1')],
    ['fails', () => serve(500, ABOUT)],
    ['answers rubbish', () => serve(200, '<html>')],
    ['is no Trivy server', () => serve(200, '{}')],
    ['answers without end', () => serve(200, Buffer.alloc(1 << 20, 32))],
  ];
  for (const [what, url] of wrong) {
    it(`that ${what} leaves the result unknown, and nothing is scanned`, async () => {
      const { command, runs } = await program();
      const { scan } = trivy(command, { serverUrl: await url() });
      const error: unknown = await scan(IMAGE, patient()).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(Fault);
      const { code, transient } = error as Fault;
      expect([code, transient]).to.deep.equal(['ScannerFailed', true]);
      expect(await runs()).to.deep.equal([]);
    });
  }
});
