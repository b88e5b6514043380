import { expect } from 'chai';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run } from './run.ts';

const COMMANDS = ['check', 'review', 'verify-bundle', 'serve', 'plan', 'promote', 'run', 'approve', 'doctor'];
/** What commands need besides, so that their options are read. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  'verify-bundle': ['sha256:00'],
  run: ['one'],
  approve: ['one'],
};

/** The help of a command, each option with its explanation on one line. */
async function helpOf(command: string): Promise<readonly string[]> {
  const { out } = await run([command, '--help']);
  return out
    .slice(out.indexOf('Options:'))
    .replaceAll(/\n {4,}/g, ' ')
    .split('\n');
}

describe('options of the command line', () => {
  let files: TemporaryFolder;
  before(async () => {
    files = await temporaryFolder();
  });
  after(() => files.remove());

  for (const command of COMMANDS) {
    it(`${command}: every default that --help prints is accepted by its option`, async () => {
      for (const line of await helpOf(command)) {
        const [, flag, printed] = /^ +(?:-\w, )?(--[\w-]+)[^(]*.*?\bdefault: ([^)]*)\)/.exec(line) ?? [];
        if (flag === undefined || printed === undefined) continue;
        expect(printed, flag).to.not.match(/^\[|^$/);
        const value = printed.replaceAll('"', '');
        const { err } = await run([
          command,
          ...(ARGUMENTS[command] ?? []),
          flag,
          value,
          '--settings',
          '/nonexistent',
        ]);
        expect(err, `${flag} ${value}`).to.not.match(/argument '.*' is invalid/);
      }
    });
  }

  it('prints durations as they are written', async () => {
    for (const [command, byDefault] of [
      ['check', '30s'],
      ['review', '10s'],
      ['doctor', '2m'],
    ] as const) {
      expect((await helpOf(command)).find((line) => line.includes('--timeout'))).to.include(
        `(default: ${byDefault})`,
      );
    }
  });

  it('offers --unmatched-images only for commands that judge images', async () => {
    const offering: string[] = [];
    for (const command of COMMANDS) {
      if ((await helpOf(command)).some((line) => line.includes('--unmatched-images'))) offering.push(command);
    }
    expect(offering).to.deep.equal(['check', 'review', 'serve']);
    const promotion = await files.write('promotion.yaml', {});
    for (const command of ['plan', 'promote']) {
      const { code, err } = await run([command, '-f', promotion, '--unmatched-images', 'Deny']);
      expect(code).to.equal(3);
      expect(err).to.include("unknown option '--unmatched-images'");
    }
  });

  it('reports a problem of the settings once, in every command that reads them', async () => {
    const policy = await files.write('policy.yaml', {
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePolicy',
      metadata: { name: 'all' },
      spec: { match: { images: ['**'] }, require: { digest: {} } },
    });
    const promotion = await files.write('mirror.yaml', {
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePromotion',
      metadata: { name: 'app' },
      spec: {
        source: { repository: 'registry.example.com/public/app' },
        target: { repository: 'registry.example.com/quarantine/app' },
        tags: { semver: ['*'] },
        mirror: {},
      },
    });
    const review = await files.write('review.json', {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
    });
    for (const args of [
      ['check', '--policies', policy, 'registry.example.com/app:1'],
      ['review', '--policies', policy, '-f', review],
      ['plan', '-f', promotion],
      ['promote', '-f', promotion],
      ['serve', '--standalone', policy, '--tls-cert', '/nonexistent', '--tls-key', '/nonexistent'],
    ]) {
      const { code, err } = await run([...args, '--registry-ca', '/nonexistent.pem']);
      expect(code, args[0]).to.equal(3);
      expect(err.match(/nonexistent\.pem/g), `${args[0] ?? ''}: ${err}`).to.have.length(1);
    }
  });
});
