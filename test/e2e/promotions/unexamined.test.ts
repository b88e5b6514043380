import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { anonymous, createRegistry, type Registry as Client } from '../../../src/clients/registry/index.ts';
import type { Trivy } from '../../../src/clients/scanner/trivy.ts';
import type { GateResult } from '../../../src/core/promotion/gates/gate.ts';
import type { ScanRule } from '../../../src/core/promotion/gates/scan-gate.ts';
import { pushReferrer, type Pushed, type Target } from '../../support/registry/push.ts';
import { requirePrograms } from '../support/programs/ensure.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { startOlareg, type Registry } from '../support/promotions/registries.ts';
import { scanGate } from '../support/promotions/scan-gate.ts';
import { alpineFiles, cacheIn, openTrivy } from '../support/promotions/scans.ts';
import { pushAlpine, pushImageOf, writeDatabase } from '../support/promotions/scans.ts';

const CLEAN = { zlib: '1.3.1-r1' };
const ADVISORIES = [
  { package: 'curl', id: 'CVE-2026-0005', severity: 'UNKNOWN', fixedVersion: '8.0' },
] as const;
const RULE: ScanRule = {
  failOn: 'High',
  fixableOnly: false,
  unknownSeverity: 'Block',
  unsupported: 'Unknown',
  exceptions: [],
};
const CYCLONEDX = 'application/vnd.cyclonedx+json';

describe('what the real Trivy cannot judge', () => {
  let workspace: Workspace;
  let olareg: Registry;
  let registry: Client;
  let trivy: Trivy;
  before(async () => {
    workspace = await openWorkspace('unexamined');
    olareg = await startOlareg();
    registry = createRegistry({ keychain: anonymous, now: () => new Date() });
    const cacheDirectory = cacheIn(workspace.folder);
    await writeDatabase(cacheDirectory, { updatedAt: new Date(), advisories: ADVISORIES });
    trivy = await openTrivy({ cacheDirectory });
  });
  after(async () => {
    await registry.close();
    await olareg.stop();
    await workspace.close();
  });

  const target = (name: string): Target => ({ registry: olareg.host, repository: `shop/${name}` });
  const gate = (
    image: Pushed,
    how: Partial<ScanRule> & { readonly from?: 'Sbom' } = {},
  ): Promise<GateResult> => scanGate(registry, image, { ...RULE, scanner: trivy.scan, ...how });

  it('O14: passes a clean Alpine', async () => {
    const result = await gate(await pushAlpine(target('clean'), CLEAN));
    expect(result.answer, result.message).to.equal('Pass');
  });

  it('O10: blocks a finding of unknown severity, unless that is ignored', async () => {
    const image = await pushAlpine(target('unrated'), { ...CLEAN, curl: '7.0' });
    const result = await gate(image, { failOn: 'Critical' });
    expect([result.answer, result.message, result.counts.Unknown]).to.deep.equal([
      'Block',
      'CVE-2026-0005 (of unknown severity) block it',
      1,
    ]);
    const ignored = await gate(image, { failOn: 'Low', unknownSeverity: 'Ignore' });
    expect(ignored.answer, ignored.message).to.equal('Pass');
  });

  const gentoo = { 'etc/os-release': 'ID=gentoo\nVERSION_ID=2.15\n', 'bin/sh': 'x' };
  const fedora = {
    'etc/os-release': 'ID=fedora\nVERSION_ID=40\n',
    'etc/fedora-release': 'Fedora release 40 (Forty)\n',
  };
  for (const [title, files, os, message] of [
    ['a distribution that Trivy does not know', gentoo, 'linux', /recognised nothing/],
    ['a distribution for which it has no advisories', fedora, 'linux', /no packages of fedora 40/],
    [
      'an ended distribution',
      alpineFiles(CLEAN, '3.8.0'),
      'linux',
      /alpine 3\.8\.0 is past its end of service life/,
    ],
    ['Windows', { 'Files/Windows/System32/ntdll.dll': 'x' }, 'windows', /it is for windows/],
    ['an image of one unknown file', { app: 'x' }, 'linux', /recognised nothing/],
    ['an image without layers', {}, 'linux', /recognised nothing/],
  ] as const) {
    it(`O14: is unknown for ${title}, unless that is ignored`, async () => {
      const image = await pushImageOf(target('unexamined'), files, { os });
      const result = await gate(image);
      expect([result.answer, result.reason]).to.deep.equal(['Unknown', 'ScanIncomplete']);
      expect(result.message).to.match(message);
      expect((await gate(image, { unsupported: 'Ignore' })).answer).to.equal('Pass');
    });
  }

  it('O14: passes an image with nothing but a program in Go', async () => {
    const { trivydb } = await requirePrograms(['trivydb']);
    // Trivy takes files for programs that may be executed, or are called like this.
    const image = await pushImageOf(target('go'), { 'app.exe': await readFile(trivydb) });
    const result = await gate(image);
    expect(result.answer, result.message).to.equal('Pass');
  });

  it('O14: is unknown for an SBOM of which it knows nothing', async () => {
    const image = await pushAlpine(target('odd'), CLEAN);
    const components = [{ type: 'file', name: 'app', 'bom-ref': 'app' }];
    const sbom = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components };
    await pushReferrer(target('odd'), {
      subject: image,
      artifactType: CYCLONEDX,
      blobs: [{ mediaType: CYCLONEDX, bytes: JSON.stringify(sbom) }],
    });
    expect((await gate(image, { from: 'Sbom' })).reason).to.equal('ScanIncomplete');
  });

  it('O14: is unknown for an SBOM with packages of Alpine that does not say that it is Alpine, as Syft writes SPDX', async () => {
    const shop = target('syft');
    const image = await pushAlpine(shop, CLEAN);
    const described = (name: string, purl: string) => ({
      name,
      SPDXID: `SPDXRef-${name}`,
      versionInfo: '1.0',
      downloadLocation: 'NOASSERTION',
      externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
    });
    const sbom = {
      spdxVersion: 'SPDX-2.3',
      SPDXID: 'SPDXRef-DOCUMENT',
      dataLicense: 'CC0-1.0',
      name: 'web',
      documentNamespace: 'https://acme.example/web',
      creationInfo: { created: '2026-01-01T00:00:00Z', creators: ['Tool: test'] },
      packages: [
        described('curl', 'pkg:apk/alpine/curl@7.0?distro=alpine-3.99.1'),
        described('lodash', 'pkg:npm/lodash@4.17.21'),
      ],
      relationships: [],
    };
    await pushReferrer(shop, {
      subject: image,
      artifactType: 'application/spdx+json',
      blobs: [{ mediaType: 'application/spdx+json', bytes: JSON.stringify(sbom) }],
    });
    const result = await gate(image, { from: 'Sbom' });
    expect([result.answer, result.reason]).to.deep.equal(['Unknown', 'ScanIncomplete']);
    expect(result.message).to.include('its SBOM lists packages of a distribution');
  });
});
