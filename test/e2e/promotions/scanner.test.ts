import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { anonymous, createRegistry, type Registry as Client } from '../../../src/clients/registry/index.ts';
import type { Trivy } from '../../../src/clients/scanner/trivy.ts';
import { judgeScan, type ScanRule } from '../../../src/core/promotion/gates/scan-gate.ts';
import { scanPlatforms, type ScanTask } from '../../../src/core/promotion/gates/scan-platforms.ts';
import type { GateResult } from '../../../src/core/promotion/gates/gate.ts';
import { pushIndex, pushReferrer, type Pushed, type Target } from '../../support/registry/push.ts';
import { requirePrograms } from '../support/programs/ensure.ts';
import { startLockedRegistry } from '../support/promotions/locked-registry.ts';
import { freePort } from '../support/programs/ports.ts';
import { startProcess } from '../support/programs/process.ts';
import { startOlareg, type Registry } from '../support/promotions/registries.ts';
import { pinned, scanGate } from '../support/promotions/scan-gate.ts';
import { alpineSbom, cacheIn, openTrivy, pushAlpine, writeDatabase } from '../support/promotions/scans.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';

const HOUR_MS = 3_600_000;
const CLEAN = { zlib: '1.3.1-r1' };
const VULNERABLE = { ...CLEAN, musl: '1.2.5-r0', busybox: '1.36.1-r28' };
const ADVISORIES = [
  { package: 'musl', id: 'CVE-2026-0001', severity: 'CRITICAL', fixedVersion: '1.2.5-r1' },
  { package: 'musl', id: 'CVE-2026-0002', severity: 'HIGH' },
  { package: 'busybox', id: 'CVE-2026-0003', severity: 'LOW', fixedVersion: '1.36.1-r29' },
  { package: 'zlib', id: 'CVE-2026-0004', severity: 'CRITICAL', fixedVersion: '1.3.1-r1' },
] as const;
const RULE: ScanRule = {
  failOn: 'High',
  fixableOnly: false,
  unknownSeverity: 'Block',
  unsupported: 'Unknown',
  maxReportAgeMs: HOUR_MS,
  maxDatabaseAgeMs: 24 * HOUR_MS,
  exceptions: [],
};
const CYCLONEDX = 'application/vnd.cyclonedx+json';

describe('the scan gate with the real Trivy', () => {
  let workspace: Workspace;
  let olareg: Registry;
  let registry: Client;
  let trivy: Trivy;
  let fresh: string;
  before(async () => {
    workspace = await openWorkspace('scanner');
    olareg = await startOlareg();
    registry = createRegistry({ keychain: anonymous, now: () => new Date() });
    fresh = cacheIn(workspace.folder);
    await writeDatabase(fresh, { updatedAt: new Date(Date.now() - HOUR_MS), advisories: ADVISORIES });
    trivy = await openTrivy({ cacheDirectory: fresh });
  });
  after(async () => {
    await registry.close();
    await olareg.stop();
    await workspace.close();
  });

  const target = (name: string): Target => ({ registry: olareg.host, repository: `shop/${name}` });
  const signal = (): AbortSignal => AbortSignal.timeout(60_000);

  const gate = (image: Pushed, how: Partial<ScanTask & ScanRule> = {}): Promise<GateResult> =>
    scanGate(registry, image, { ...RULE, scanner: trivy.scan, ...how });

  it('finds a vulnerability from the database, and blocks', async () => {
    const result = await gate(await pushAlpine(target('vulnerable'), VULNERABLE));
    expect(result, result.message).to.deep.include({
      answer: 'Block',
      reason: 'Vulnerable',
      worst: 'Critical',
      counts: { Unknown: 0, Low: 1, Medium: 0, High: 1, Critical: 1 },
      blocking: ['CVE-2026-0001', 'CVE-2026-0002'],
      scanner: 'Trivy 0.74.0',
    });
    expect(Date.now() - (result.databaseUpdatedAt?.getTime() ?? NaN)).to.be.within(HOUR_MS, 2 * HOUR_MS);
  });

  it('passes a clean image', async () => {
    const result = await gate(await pushAlpine(target('clean'), CLEAN));
    expect([result.answer, result.counts.Critical], result.message).to.deep.equal(['Pass', 0]);
  });

  it('counts only fixable findings when that is configured', async () => {
    const image = await pushAlpine(target('vulnerable'), VULNERABLE);
    expect((await gate(image, { fixableOnly: true })).blocking).to.deep.equal(['CVE-2026-0001']);
  });

  it('scans every platform of an index, several at a time', async () => {
    const shop = target('many');
    const architectures = ['amd64', 'arm64', 's390x', 'ppc64le'];
    const manifests = await Promise.all(
      architectures.map(async (architecture) => ({
        ...(await pushAlpine(shop, architecture === 's390x' ? VULNERABLE : CLEAN, architecture)),
        platform: { os: 'linux', architecture },
      })),
    );
    const result = await gate(await pushIndex(shop, { manifests }));
    expect([result.answer, result.blocking], result.message).to.deep.equal([
      'Block',
      ['CVE-2026-0001', 'CVE-2026-0002'],
    ]);
  });

  it('scans the SBOM of each platform, and blocks when one has none', async () => {
    const shop = target('described');
    const amd64 = await pushAlpine(shop, CLEAN, 'amd64');
    const arm64 = await pushAlpine(shop, CLEAN, 'arm64');
    const index = await pushIndex(shop, {
      manifests: [
        { ...amd64, platform: { os: 'linux', architecture: 'amd64' } },
        { ...arm64, platform: { os: 'linux', architecture: 'arm64' } },
      ],
    });
    const attach = (subject: Pushed, packages: Readonly<Record<string, string>>): Promise<Pushed> =>
      pushReferrer(shop, {
        subject,
        artifactType: CYCLONEDX,
        blobs: [{ mediaType: CYCLONEDX, bytes: alpineSbom(packages) }],
      });
    await attach(amd64, CLEAN);
    expect((await gate(index, { from: 'Sbom' })).reason).to.equal('SbomMissing');
    await attach(arm64, CLEAN);
    expect((await gate(index, { from: 'Sbom' })).answer).to.equal('Pass');
    await attach(arm64, VULNERABLE);
    const result = await gate(index, { from: 'Sbom' });
    expect(result.blocking, result.message).to.deep.equal(['CVE-2026-0001', 'CVE-2026-0002']);
  });

  it('reads with a login when one is needed, and is unknown without it', async () => {
    const shop = target('locked');
    const { digest } = await pushAlpine(shop, VULNERABLE);
    const locked = await startLockedRegistry({ acme: 'pa:ss' });
    try {
      locked.forwardTo(olareg.host);
      const image = pinned(`${locked.host}/${shop.repository}@${digest}`);
      const login = { kind: 'password', username: 'acme', password: 'pa:ss' } as const;
      const scan = trivy.as({ keychain: () => Promise.resolve(login) });
      expect((await scan({ kind: 'image', image }, signal())).report).to.have.property('results');
      expect([...locked.callers()]).to.include('acme');
      const denied: unknown = await trivy
        .scan({ kind: 'image', image }, signal())
        .catch((error: unknown) => error);
      expect(denied).to.include({ code: 'ScannerFailed', side: 'scanner' });
    } finally {
      await locked.stop();
    }
  });

  it('uses a Trivy server, and is unknown when the server is unavailable', async () => {
    const { trivy: command } = await requirePrograms(['trivy']);
    const image = await pushAlpine(target('vulnerable'), VULNERABLE);
    const port = await freePort();
    const serverUrl = `http://127.0.0.1:${String(port)}`;
    const ready = async (): Promise<boolean> => (await fetch(`${serverUrl}/healthz`)).ok;
    const args = [
      'server',
      '--listen',
      `127.0.0.1:${String(port)}`,
      '--cache-dir',
      fresh,
      '--skip-db-update',
    ];
    const server = await startProcess({ workspace, name: 'trivy-server', command, args, ready });
    // A folder without a database: the server does the scan.
    const client = await openTrivy({ cacheDirectory: cacheIn(workspace.folder, 'empty'), serverUrl });
    try {
      const result = await gate(image, { scanner: client.scan });
      expect(result.blocking, result.message).to.deep.equal(['CVE-2026-0001', 'CVE-2026-0002']);
      expect(result.databaseUpdatedAt).to.be.instanceOf(Date);
    } finally {
      await server.kill();
    }
    const away = await gate(image, { scanner: client.scan });
    expect([away.answer, away.reason, away.transient]).to.deep.equal(['Unknown', 'ScannerFailed', true]);
  });

  describe('is unknown with a reason, and blocks', () => {
    let image: Pushed;
    before(async () => {
      image = await pushAlpine(target('unknown'), CLEAN);
    });

    it('when the database is older than allowed, which Trivy itself accepts', async () => {
      const cacheDirectory = cacheIn(workspace.folder, 'old');
      await writeDatabase(cacheDirectory, {
        updatedAt: new Date(Date.now() - 25 * HOUR_MS),
        advisories: ADVISORIES,
      });
      const { scan: scanner } = await openTrivy({ cacheDirectory });
      const result = await gate(image, { scanner });
      expect([result.answer, result.reason]).to.deep.equal(['Unknown', 'ScannerDatabaseOld']);
    });

    it('when there is no database', async () => {
      const { scan: none } = await openTrivy({ cacheDirectory: cacheIn(workspace.folder, 'none') });
      const missing = await gate(image, { scanner: none });
      expect([missing.answer, missing.reason, missing.transient]).to.deep.equal([
        'Unknown',
        'ScannerFailed',
        false,
      ]);
    });

    const doubles: readonly [what: string, script: string][] = [
      ['crashes', 'kill -SEGV $$'],
      ['hangs', 'sleep 600'],
      ['prints rubbish', 'echo "Segmentation fault"'],
      ['is cut off', `printf '{"SchemaVersion":2,"Results":['`],
    ];
    async function writeProgram(name: string, text: string): Promise<string> {
      const path = join(workspace.folder, name.replaceAll(' ', '-'));
      await writeFile(path, text, { mode: 0o700 });
      return path;
    }
    for (const [what, script] of doubles) {
      it(`when Trivy ${what} in the middle of a scan`, async () => {
        const { trivy: real } = await requirePrograms(['trivy']);
        // The real Trivy reports its version; a stand-in does the scan.
        const command = await writeProgram(
          what,
          `#!/bin/sh\n[ "$1" = version ] && exec '${real}' "$@"\n${script}\n`,
        );
        const { scan: scanner } = await openTrivy({ command, cacheDirectory: fresh, timeoutMs: 1_500 });
        const result = await gate(image, { scanner });
        expect([result.answer, result.reason], result.message).to.deep.equal(['Unknown', 'ScannerFailed']);
      });
    }

    it('when there is no Trivy', async () => {
      const { scan: scanner } = await openTrivy({
        command: 'trivy-that-is-not-there',
        cacheDirectory: fresh,
      });
      const result = await gate(image, { scanner });
      expect([result.answer, result.reason, result.transient]).to.deep.equal([
        'Unknown',
        'ScannerFailed',
        false,
      ]);
    });

    it('when the image was deleted from the registry', async () => {
      const gone = pinned(`${olareg.host}/shop/unknown@sha256:${'0'.repeat(64)}`);
      const manifest = await registry.manifest(pinned(image.reference), signal());
      if (manifest === undefined) throw new Error('the image is gone');
      const scanned = await scanPlatforms(
        {
          image: gone,
          manifest: { ...manifest, digest: gone.digest },
          from: 'Image',
          registry,
          scanner: trivy.scan,
        },
        signal(),
      );
      expect(judgeScan(scanned, RULE, new Date()).reason).to.equal('ScannerFailed');
    });
  });
});
