import { join } from 'node:path';
import { expect } from 'chai';
import { pushImage } from '../../support/registry/push.ts';
import { pushBundleSignature } from '../../support/signed-images.ts';
import {
  NAME,
  openGatedRegistry,
  REFUSED,
  type GatedRegistry,
  type ImageName,
} from '../support/gated-registry.ts';
import { runCommand, succeed, type Outcome } from '../support/programs/command.ts';
import { requirePrograms } from '../support/programs/ensure.ts';
import { startDistribution, startOlareg } from '../support/promotions/registries.ts';
import { until } from '../support/wait.ts';

/** More than sockets hold on the way. */
const LARGE_BYTES = 32 * 1024 * 1024;

const REGISTRIES = { olareg: startOlareg, distribution: () => startDistribution() };

for (const [kind, startRegistry] of Object.entries(REGISTRIES))
  describe(`pulls of real clients through the gate, from ${kind}`, () => {
    let gated: GatedRegistry;
    let folder: string;
    let programs: Readonly<Record<'crane' | 'oras' | 'regctl' | 'cosign' | 'helm', string>>;
    const run = (name: keyof typeof programs, args: readonly string[]): Promise<Outcome> =>
      runCommand({
        command: programs[name],
        args,
        env: { HOME: folder, DOCKER_CONFIG: folder, HELM_CACHE_HOME: folder },
      });

    before(async () => {
      programs = await requirePrograms(['crane', 'oras', 'regctl', 'cosign', 'helm']);
      gated = await openGatedRegistry(startRegistry);
      folder = gated.workspace.folder;
      await succeed({
        command: programs.regctl,
        args: ['registry', 'set', gated.gate, '--tls', 'disabled', '--skip-check'],
        env: { HOME: folder },
      });
    });
    after(() => gated.stop());

    const pulls: Readonly<Record<string, (name: ImageName) => Promise<Outcome>>> = {
      crane: (name) => run('crane', ['pull', '--insecure', gated.image(name), join(folder, `${name}.tar`)]),
      regctl: (name) =>
        run('regctl', ['image', 'export', gated.image(name), join(folder, `${name}-regctl.tar`)]),
      oras: (name) =>
        run('oras', [
          'copy',
          '--from-plain-http',
          '--to-oci-layout',
          gated.image(name),
          `${folder}/layout-${name}:1.0`,
        ]),
    };
    for (const [client, pull] of Object.entries(pulls))
      it(`${client} pulls a signed image, and prints why it does not get an unsigned or a flagged one`, async () => {
        const { code, stderr } = await pull('signed');
        expect(code, stderr).to.equal(0);
        for (const [name, reason] of REFUSED) {
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
          gated.key,
          '--insecure-ignore-tlog',
          '--allow-http-registry',
          ...args,
          gated.image('signed'),
        ]);
      for (const args of [[], ['--new-bundle-format=false']]) {
        const { code, stderr } = await verify(args);
        expect(code, stderr).to.equal(0);
      }
    });

    it('helm pulls a signed chart, and prints why it does not get an unsigned one', async () => {
      const pull = (name: string): Promise<Outcome> => {
        const chart = `oci://${gated.gate}/${NAME}/charts/${name}`;
        return run('helm', ['pull', chart, '--version', '1.0.0', '--plain-http', '-d', folder]);
      };
      const { code, stderr } = await pull('web');
      expect(code, stderr).to.equal(0);
      const refused = await pull('unsigned');
      expect(refused.code).not.to.equal(0);
      expect(refused.stderr).to.include(`${NAME}/charts/unsigned:1.0.0`).and.include('Unsigned');
    });

    it('no client writes through the gate', async () => {
      const { code } = await run('crane', ['tag', '--insecure', gated.image('signed'), 'mine']);
      expect(code).not.to.equal(0);
      const copied = await run('crane', [
        'copy',
        '--insecure',
        gated.image('signed'),
        `${gated.gate}/${NAME}/shop/other:1`,
      ]);
      expect(copied.code).not.to.equal(0);
      expect(copied.stderr).to.include('only answers pulls');
    });

    // The last one: the gate is gone then.
    it('G61 SIGTERM ends the gate when the download that is under way is whole', async () => {
      const target = { registry: gated.registry.host, repository: 'shop/large', tag: '1.0' };
      const image = await pushImage(target, { layers: ['x'.repeat(LARGE_BYTES)] });
      await pushBundleSignature(target, image, gated.signer);
      const { layers } = image.body as { layers: { digest: string }[] };
      const large = `http://${gated.gate}/v2/${NAME}/shop/large`;
      expect((await fetch(`${large}/manifests/1.0`)).status).to.equal(200);
      const download = await fetch(`${large}/blobs/${layers[0]!.digest}`);
      const stopping = gated.stopGate();
      await until({
        what: 'no new connection is taken',
        withinMs: 10_000,
        check: async () =>
          (await run('crane', ['digest', '--insecure', gated.image('signed')])).stderr.includes('refused'),
      });
      expect((await download.arrayBuffer()).byteLength).to.equal(LARGE_BYTES);
      expect(await stopping).to.equal(0);
    });
  });
