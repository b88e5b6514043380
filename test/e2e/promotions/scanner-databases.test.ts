import { expect } from 'chai';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScanOutput } from '../../../src/core/promotion/index.ts';
import type { TrivyOptions } from '../../../src/clients/scanner/trivy.ts';
import { Fault, parseReference, type PinnedRef } from '../../../src/core/model/index.ts';
import { basic, startLockedRegistry, type LockedRegistry } from '../support/promotions/locked-registry.ts';
import { startOlareg, type Registry } from '../support/promotions/registries.ts';
import {
  cacheIn,
  openTrivy,
  pushAlpine,
  pushDatabase,
  pushJavaDatabase,
  writeDatabase,
  type Advisory,
} from '../support/promotions/scans.ts';
import { reportJson } from '../../support/promotions/scan-reports.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';

const HOUR_MS = 3_600_000;
const KNOWN = { package: 'musl', id: 'CVE-2026-0001', severity: 'CRITICAL' } as const;

/** What a scan by the real Trivy found. */
function idsIn({ report }: ScanOutput): readonly string[] {
  const { Results = [] } = JSON.parse(reportJson(report)) as {
    Results?: { Vulnerabilities?: { VulnerabilityID: string }[] }[];
  };
  return Results.flatMap(({ Vulnerabilities = [] }) =>
    Vulnerabilities.map(({ VulnerabilityID }) => VulnerabilityID),
  );
}

describe('the databases of the real Trivy, from a mirror with a login', () => {
  let workspace: Workspace;
  let olareg: Registry;
  let locked: LockedRegistry;
  let image: PinnedRef;
  let environment: TrivyOptions['environment'];
  before(async () => {
    workspace = await openWorkspace('scanner-databases');
    olareg = await startOlareg();
    locked = await startLockedRegistry({ mirror: 'pa:ss' });
    locked.forwardTo(olareg.host);
    const { reference } = await pushAlpine(
      { registry: olareg.host, repository: 'shop/app' },
      { musl: '1.2.5-r0' },
    );
    const read = parseReference(reference);
    if (!read.ok || read.value.digest === undefined) throw new Error(`${reference} is not pinned`);
    image = { ...read.value, digest: read.value.digest };
    const logins = join(workspace.folder, 'logins');
    const auth = basic('mirror', 'pa:ss').replace('Basic ', '');
    await mkdir(logins);
    await writeFile(join(logins, 'config.json'), JSON.stringify({ auths: { [locked.host]: { auth } } }));
    // No home folder, as in the image.
    environment = { PATH: process.env.PATH, DOCKER_CONFIG: logins };
  });
  after(async () => {
    await locked.stop();
    await olareg.stop();
    await workspace.close();
  });

  async function publish(hoursOld: number, advisories: readonly Advisory[]): Promise<void> {
    const built = cacheIn(workspace.folder, `built-${String(hoursOld)}`);
    await writeDatabase(built, { updatedAt: new Date(Date.now() - hoursOld * HOUR_MS), advisories });
    await pushDatabase({ registry: olareg.host, repository: 'mirror/trivy-db', tag: '2' }, built);
  }

  async function open(cache: string, databases: NonNullable<TrivyOptions['databases']>) {
    const cacheDirectory = cacheIn(workspace.folder, cache);
    const { scan } = await openTrivy({ offline: false, cacheDirectory, databases, environment });
    return () => scan({ kind: 'image', image }, AbortSignal.timeout(60_000));
  }

  /** Trivy checks for a newer database when its own has expired, and then at most once an hour. */
  async function lookedBefore(cache: string, ms: number): Promise<void> {
    const path = join(cacheIn(workspace.folder, cache), 'db', 'metadata.json');
    const metadata = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...metadata, DownloadedAt: new Date(Date.now() - ms) }));
  }

  it('are downloaded before the first scan, and again when a newer one exists', async () => {
    const scan = await open('one', { vulnerabilities: `${locked.host}/mirror/trivy-db` });
    await publish(30, []);
    expect(idsIn(await scan())).to.deep.equal([]);
    expect([...locked.callers()]).to.include('mirror');

    await publish(1, [KNOWN]);
    await lookedBefore('one', 2 * HOUR_MS);
    const second = await scan();
    expect(idsIn(second)).to.deep.equal([KNOWN.id]);
    expect(Date.now() - (second.databaseUpdatedAt?.getTime() ?? NaN)).to.be.within(HOUR_MS, 2 * HOUR_MS);

    locked.forget();
    expect(idsIn(await scan())).to.deep.equal([KNOWN.id]);
    expect([...locked.callers()], 'a fresh one is not asked for again').to.deep.equal([]);
  });

  it('include the database of Java libraries when it has a mirror', async () => {
    await publish(1, [KNOWN]);
    const java = { registry: olareg.host, repository: 'mirror/trivy-java-db', tag: '1' };
    await pushJavaDatabase(java, new Date());
    const scan = await open('two', {
      vulnerabilities: `${locked.host}/mirror/trivy-db:2`,
      java: `${locked.host}/mirror/trivy-java-db:1`,
    });
    expect(idsIn(await scan())).to.deep.equal([KNOWN.id]);
    expect(await readdir(join(cacheIn(workspace.folder, 'two'), 'java-db'))).to.include('trivy-java.db');
  });

  for (const [what, repository] of [
    ['has none', () => `${locked.host}/mirror/nothing:2`],
    ['is away', () => '127.0.0.1:1/mirror/trivy-db:2'],
  ] as const) {
    it(`leave the result unknown when the mirror ${what}`, async () => {
      const scan = await open('three', { vulnerabilities: repository() });
      const error: unknown = await scan().catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(Fault).and.include({ code: 'ScannerFailed', transient: true });
    });
  }
});
