import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { policyDocument } from '../../support/policies.ts';
import { pushImage, pushManifest, pushBlob } from '../../support/registry/push.ts';
import { pushBundleSignature, pushLegacySignature } from '../../support/signed-images.ts';
import { signingKey } from '../../support/signing.ts';
import { tarOf } from '../../support/tar.ts';
import { runCommand, succeed, type Outcome } from '../support/programs/command.ts';
import { requirePrograms } from '../support/programs/ensure.ts';
import { freePort } from '../support/programs/ports.ts';
import { startProcess } from '../support/programs/process.ts';
import { PRODUCT } from '../support/programs/product.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { startDistribution, startOlareg, type Registry } from '../support/promotions/registries.ts';

/** By this name clients ask for the images of the registry; no path can have its port. */
const NAME = 'registry.example.com';
const HELM_CONFIG = 'application/vnd.cncf.helm.config.v1+json';
const HELM_CHART = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

const REGISTRIES = { olareg: startOlareg, distribution: () => startDistribution() };

for (const [kind, startRegistry] of Object.entries(REGISTRIES))
  describe(`pulls of real clients through the gate, from ${kind}`, () => {
    let workspace: Workspace;
    let registry: Registry;
    let gate: string;
    let programs: Readonly<Record<'crane' | 'oras' | 'regctl' | 'cosign' | 'helm', string>>;
    const run = (name: keyof typeof programs, args: readonly string[]): Promise<Outcome> =>
      runCommand({
        command: programs[name],
        args,
        env: { HOME: workspace.folder, DOCKER_CONFIG: workspace.folder, HELM_CACHE_HOME: workspace.folder },
      });
    const image = (name: string): string => `${gate}/${NAME}/shop/${name}:1.0`;

    before(async () => {
      workspace = await openWorkspace('gate');
      programs = await requirePrograms(['crane', 'oras', 'regctl', 'cosign', 'helm']);
      registry = await startRegistry();
      const key = signingKey();
      const folder = join(workspace.folder, 'policies');
      await mkdir(folder);
      const policy = policyDocument({
        authorities: [{ name: 'release', key: { pem: key.pem } }],
        require: { signatures: { from: ['release'] }, quarantine: {} },
      });
      await writeFile(join(folder, 'policy.yaml'), JSON.stringify(policy));
      await writeFile(join(workspace.folder, 'release.pub'), key.pem);
      const layer = {
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        bytes: tarOf({ 'etc/motd': 'ahoy' }),
      };
      for (const name of ['signed', 'unsigned', 'flagged']) {
        const target = { registry: registry.host, repository: `shop/${name}`, tag: '1.0' };
        const annotations: Record<string, string> =
          name === 'flagged' ? { 'dev.pratique.quarantine': 'true' } : {};
        const pushed = await pushImage(target, { annotations, salt: name, layers: [layer] });
        if (name === 'unsigned') continue;
        await pushBundleSignature(target, pushed, key);
        await pushLegacySignature(target, pushed, key);
      }
      const charts = { registry: registry.host, repository: 'charts/web', tag: '1.0.0' };
      const chart = { apiVersion: 'v2', name: 'web', version: '1.0.0' };
      const config = await pushBlob(charts, { mediaType: HELM_CONFIG, bytes: JSON.stringify(chart) });
      const files = tarOf({ 'web/Chart.yaml': JSON.stringify(chart) });
      const content = await pushBlob(charts, { mediaType: HELM_CHART, bytes: gzipSync(files) });
      const body = {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config,
        layers: [content],
      };
      await pushBundleSignature(charts, await pushManifest(charts, body), key);

      gate = `127.0.0.1:${String(await freePort())}`;
      const upstreams = [{ match: [`${NAME}/**`], registry: registry.host }];
      const settings = join(workspace.folder, 'settings.yaml');
      await writeFile(settings, JSON.stringify({ gate: { listen: gate, upstreams } }));
      await startProcess({
        ...{ workspace, name: 'gate', command: process.execPath },
        args: [PRODUCT, 'gate', '--settings', settings, '--policies', folder],
        ready: async () => (await fetch(`http://${gate}/v2/`)).ok,
      });
      await succeed({
        command: programs.regctl,
        args: ['registry', 'set', gate, '--tls', 'disabled', '--skip-check'],
        env: { HOME: workspace.folder },
      });
    });
    after(async () => {
      await workspace.close();
      await registry.stop();
    });

    const pulls: Readonly<Record<string, (name: string) => Promise<Outcome>>> = {
      crane: (name) =>
        run('crane', ['pull', '--insecure', image(name), join(workspace.folder, `${name}.tar`)]),
      regctl: (name) =>
        run('regctl', ['image', 'export', image(name), join(workspace.folder, `${name}-regctl.tar`)]),
      oras: (name) =>
        run('oras', [
          'copy',
          '--from-plain-http',
          '--to-oci-layout',
          image(name),
          `${workspace.folder}/layout-${name}:1.0`,
        ]),
    };
    for (const [client, pull] of Object.entries(pulls))
      it(`${client} pulls a signed image, and prints why it does not get an unsigned or a flagged one`, async () => {
        const { code, stderr } = await pull('signed');
        expect(code, stderr).to.equal(0);
        for (const [name, reason] of [
          ['unsigned', 'Unsigned'],
          ['flagged', 'Quarantined'],
        ] as const) {
          const refused = await pull(name);
          expect(refused.code).not.to.equal(0);
          expect(refused.stderr).to.include(`${NAME}/shop/${name}:1.0`).and.include(reason);
        }
      });

    it('cosign verifies a signed image through the gate, in both forms', async () => {
      const verify = (args: readonly string[]): Promise<Outcome> =>
        run('cosign', [
          'verify',
          '--key',
          join(workspace.folder, 'release.pub'),
          '--insecure-ignore-tlog',
          '--allow-http-registry',
          ...args,
          image('signed'),
        ]);
      for (const args of [[], ['--new-bundle-format=false']]) {
        const { code, stderr } = await verify(args);
        expect(code, stderr).to.equal(0);
      }
    });

    it('helm pulls a signed chart', async () => {
      const chart = `oci://${gate}/${NAME}/charts/web`;
      const { code, stderr } = await run('helm', [
        'pull',
        chart,
        '--version',
        '1.0.0',
        '--plain-http',
        '-d',
        workspace.folder,
      ]);
      expect(code, stderr).to.equal(0);
    });

    it('no client writes through the gate', async () => {
      const { code } = await run('crane', ['tag', '--insecure', image('signed'), 'mine']);
      expect(code).not.to.equal(0);
      const copied = await run('crane', [
        'copy',
        '--insecure',
        image('signed'),
        `${gate}/${NAME}/shop/other:1`,
      ]);
      expect(copied.code).not.to.equal(0);
      expect(copied.stderr).to.include('only answers pulls');
    });
  });
