import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { NAME, openGatedRegistry, REFUSED, type GatedRegistry } from '../support/gated-registry.ts';
import { runCommand, type Outcome } from '../support/programs/command.ts';
import { requirePrograms } from '../support/programs/ensure.ts';
import { startProcess } from '../support/programs/process.ts';

/** As images are named where clients know nothing of the gate: their configuration leads there. */
const named = (image: string): string => `${NAME}/shop/${image}:1.0`;
/** As the gate says it, after the name of the image with its digest. */
const SENTENCES = {
  unsigned:
    'Unsigned: no signature by authority "release"; none found; have authority "release" sign this digest',
  flagged: 'Quarantined: flagged by annotation dev.pratique.quarantine',
} as const;
const PLACES = ['root', 'runroot', 'context', 'buildkit'] as const;

describe('builders and copiers that are led to the gate by their configuration', () => {
  let gated: GatedRegistry;
  let folder: string;
  const inFolder = (name: string): string => join(gated.workspace.folder, name);
  /** How skopeo and buildah reach the registry by its name; with a mirror, the registry itself is the next place. */
  const registriesConf = async (kind: 'location' | 'mirror'): Promise<string> => {
    const gate = [`location = "${gated.gate}/${NAME}"`, 'insecure = true'];
    const upstream = [`location = "${gated.registry.host}"`, 'insecure = true'];
    const rest = kind === 'location' ? gate : [...upstream, '[[registry.mirror]]', ...gate];
    const file = inFolder(`${kind}.conf`);
    await writeFile(file, ['[[registry]]', `prefix = "${NAME}"`, ...rest, ''].join('\n'));
    return file;
  };

  before(async () => {
    gated = await openGatedRegistry();
    folder = gated.workspace.folder;
    for (const place of PLACES) await mkdir(inFolder(place));
    const policy = { default: [{ type: 'insecureAcceptAnything' }] };
    await writeFile(inFolder('policy.json'), JSON.stringify(policy));
  });
  after(() => gated.stop());

  const expectRefusals = async (pull: (image: string) => Promise<Outcome>, word: RegExp): Promise<void> => {
    for (const [image] of REFUSED) {
      const { code, stderr } = await pull(named(image));
      expect(code).not.to.equal(0);
      // Some print a message in quotes.
      const said = stderr.replaceAll('\\"', '"');
      expect(said)
        .to.match(word)
        .and.include(`image: ${named(image)}@sha256:`)
        .and.include(SENTENCES[image]);
    }
  };

  const skopeo = (conf: string, image: string): Promise<Outcome> =>
    runCommand({
      command: 'skopeo',
      args: [
        ...['--registries-conf', conf, '--policy', inFolder('policy.json')],
        ...['copy', `docker://${image}`, `dir:${inFolder('copy')}`],
      ],
      env: { HOME: folder },
    });
  const buildah = (conf: string, image: string): Promise<Outcome> =>
    runCommand({
      command: 'buildah',
      args: [
        ...['--root', inFolder('root'), '--runroot', inFolder('runroot'), '--storage-driver', 'vfs'],
        ...['pull', '--signature-policy', inFolder('policy.json'), image],
      ],
      env: { HOME: folder, CONTAINERS_REGISTRIES_CONF: conf },
    });

  for (const [client, pull] of Object.entries({ skopeo, buildah })) {
    it(`${client} pulls a signed image, and prints why it does not get an unsigned or a flagged one`, async () => {
      const conf = await registriesConf('location');
      const { code, stderr } = await pull(conf, named('signed'));
      expect(code, stderr).to.equal(0);
      await expectRefusals((image) => pull(conf, image), /denied: image: /);
    });

    it(`${client} goes round a gate that is only a mirror, without a word`, async () => {
      const { code, stderr } = await pull(await registriesConf('mirror'), named('unsigned'));
      expect(code, stderr).to.equal(0);
      expect(stderr).not.to.include('Unsigned');
    });
  }

  it('BuildKit builds from a signed image, and prints why it does not get an unsigned or a flagged one', async () => {
    const { buildctl, buildkitd } = await requirePrograms(['buildctl', 'buildkitd']);
    const socket = `unix://${inFolder('buildkit/sock')}`;
    const config = [
      `root = "${inFolder('buildkit')}"`,
      '[worker.oci]',
      'snapshotter = "native"',
      `[registry."${NAME}"]`,
      `mirrors = ["${gated.gate}"]`,
      `[registry."${gated.gate}"]`,
      'http = true',
    ];
    await writeFile(inFolder('buildkitd.toml'), `${config.join('\n')}\n`);
    const build = (image: string): Promise<Outcome> =>
      writeFile(inFolder('context/Dockerfile'), `FROM ${image}\n`).then(() =>
        runCommand({
          command: buildctl,
          args: [
            ...['--addr', socket, 'build', '--progress', 'plain', '--frontend', 'dockerfile.v0'],
            ...['--local', `context=${inFolder('context')}`, '--local', `dockerfile=${inFolder('context')}`],
            ...['--output', `type=oci,dest=${inFolder('built.tar')}`],
          ],
        }),
      );
    await startProcess({
      ...{ workspace: gated.workspace, name: 'buildkitd', command: buildkitd },
      args: ['--config', inFolder('buildkitd.toml'), '--addr', socket],
      ready: async () =>
        (await runCommand({ command: buildctl, args: ['--addr', socket, 'debug', 'workers'] })).code === 0,
    });
    const { code, stderr } = await build(named('signed'));
    expect(code, stderr).to.equal(0);
    // It knows no other way: outside of the tests, the name of the registry leads there.
    await expectRefusals(build, /403 Forbidden\s+denied: image: /);
    await expectRefusals((image) => build(`${gated.gate}/${image}`), /403 Forbidden\s+denied: image: /);
  });
});
