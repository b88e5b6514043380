import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import type { SettingsInput } from '../../../src/core/settings/index.ts';
import { openJudging } from '../../../src/serve/judging.ts';
import { settingsOf } from '../../core/settings/settings.ts';

describe('the settings of addresses', () => {
  let server: Server;
  let host: string;
  before(async () => {
    server = createServer((_request, response) => response.writeHead(404).end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  after(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  /** What becomes of a question to the registry: a reason code, or `asked`. */
  async function outcome(
    registries: SettingsInput['registries'],
    {
      registry = host,
      ...place
    }: { readonly registry?: string; readonly loopback?: 'Refuse'; readonly server?: string } = {},
  ): Promise<string> {
    const environment = { KUBERNETES_SERVICE_HOST: place.server };
    const context = { version: 'test', stdin: Readable.from([]), writeLog: () => undefined, environment };
    const watching = { onRequest: () => undefined, onLookup: () => undefined, report: () => undefined };
    const judging = await openJudging(settingsOf({ registries }), context, watching, place);
    if (!judging.ok) throw new Error(JSON.stringify(judging.problems));
    const ref = { registry, repository: 'shop/web', tag: '1' };
    try {
      await judging.value.registry.manifest(ref, AbortSignal.timeout(20_000));
      return 'asked';
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await judging.value.close();
    }
  }

  it('N02 leave loopback to the command line, and close it to the controller in a pod', async () => {
    expect(await outcome({})).to.equal('asked');
    expect(await outcome({}, { loopback: 'Refuse' })).to.equal('AddressRefused');
    const allowedAddresses = ['127.0.0.0/8'];
    expect(await outcome({ allowedAddresses }, { loopback: 'Refuse' })).to.equal('asked');
  });

  it('N02 close the address of the API server, and private ones where they are refused', async () => {
    const server = '10.96.0.1';
    expect(await outcome({}, { server, registry: server })).to.equal('AddressRefused');
    const refusing = { privateRegistries: 'Refuse' } as const;
    expect(await outcome(refusing, { registry: '10.1.0.5' })).to.equal('AddressRefused');
  });
});
