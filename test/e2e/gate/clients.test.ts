import { join } from 'node:path';
import { expect } from 'chai';
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
  });
