import { expect } from 'chai';
import { readReportHere } from '../support/promotions/scan-reports.ts';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf } from '../../src/core/model/index.ts';
import { parsePromotion } from '../../src/core/promotion/index.ts';
import { parseSettings, type SettingsInput } from '../../src/core/settings/index.ts';
import { scannerOf } from '../../src/core/promotion/opening/open-execution.ts';
import { openScanner } from '../../src/serve/judging.ts';
import { signingKey } from '../support/signing.ts';
import { isUpdate, standIn, type StandIn } from '../clients/scanner/stand-in.ts';

const IMAGE = {
  kind: 'image',
  image: { registry: 'registry.example.com', repository: 'shop/web', digest: digestOf('an image') },
} as const;
const ABOUT = '{"Version":"0.74.0","VulnerabilityDB":{"UpdatedAt":"2026-02-28T00:00:00Z"}}';

describe('the scanner of promotions', () => {
  let program: StandIn;
  const servers: Server[] = [];
  beforeEach(async () => {
    program = await standIn();
  });
  afterEach(async () => {
    await program.remove();
    await Promise.all(servers.splice(0).map((one) => new Promise((resolve) => one.close(resolve))));
  });

  async function trivyServer(): Promise<string> {
    const server = createServer((_, response) => response.end(ABOUT));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function scannerFor(scan: object, scanner: NonNullable<SettingsInput['scanner']>) {
    const settings = parseSettings({ scanner: { command: program.command, ...scanner } });
    const promotion = parsePromotion({
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePromotion',
      metadata: { name: 'app', namespace: 'platform' },
      spec: {
        source: { repository: 'registry.example.com/shop/web' },
        target: { repository: 'registry.example.com/golden/web' },
        tags: { semver: ['*'] },
        promote: { scan },
      },
    });
    if (!settings.ok || !promotion.ok) throw new Error(JSON.stringify([settings, promotion]));
    const environment = { PATH: process.env.PATH, TRIVY_TOKEN: 'a token' };
    const keychain = () => Promise.resolve(undefined);
    const side = { keychain, insecureHosts: ['registry.example.com'], ca: 'a certificate', ownLogins: true };
    const scannerOn = openScanner(settings.value, { keychain, environment, readReport: readReportHere });
    return scannerOf(promotion.value.spec, side, { scanner: scannerOn });
  }

  it('sends its token to the Trivy server of the settings, and to no server that a promotion names', async () => {
    const [ours, theirs] = [await trivyServer(), await trivyServer()];
    await scannerFor({}, { server: ours })?.(IMAGE, AbortSignal.timeout(9_000));
    await scannerFor({ server: theirs }, { server: ours })?.(IMAGE, AbortSignal.timeout(9_000));
    await scannerFor({ server: theirs }, { offline: true })?.(IMAGE, AbortSignal.timeout(9_000));
    const seen = (await program.scans()).map(({ args, environment }) => [
      args.includes(theirs),
      environment.TRIVY_TOKEN,
    ]);
    expect(seen).to.deep.equal([
      [false, 'a token'],
      [true, undefined],
      [true, undefined],
    ]);
  });

  it('uses the databases from the settings, with no option of a promotion', async () => {
    const scanner = scannerFor(
      {},
      {
        databaseRepository: 'registry.example.com/mirror/trivy-db:2',
        javaDatabaseRepository: 'registry.example.com/mirror/trivy-java-db:1',
        cacheDirectory: '/var/cache/trivy',
      },
    );
    await scanner?.(IMAGE, AbortSignal.timeout(9_000));
    const updates = (await program.runs()).filter(({ args }) => isUpdate(args));
    expect(updates.map(({ args }) => args.at(-1))).to.deep.equal([
      'registry.example.com/mirror/trivy-java-db:1',
      'registry.example.com/mirror/trivy-db:2',
    ]);
    for (const { args } of updates)
      expect(args).to.include('/var/cache/trivy').and.not.to.include.oneOf(['--insecure', '--cacert']);
    const [scan] = await program.scans();
    expect(scan?.args).to.include('--insecure').and.to.include('--cacert');
  });

  it('is not used for a promotion that reads reports', () => {
    const authorities = [{ name: 'scanner', key: { pem: signingKey().pem } }];
    expect(scannerFor({ from: 'Report', authorities }, {})).to.equal(undefined);
  });
});
