import { expect } from 'chai';
import { policyDocument } from '../support/policies.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run, type RunOptions } from './run.ts';

const IMAGE = 'registry.example.com/shop/web:1.0';

describe('bad input', () => {
  let good: TemporaryFolder;
  let bad: TemporaryFolder;
  before(async () => {
    good = await temporaryFolder({
      'a.yaml': policyDocument({ match: { images: ['registry.example.org/**'] }, require: {} }),
    });
  });
  beforeEach(async () => {
    bad = await temporaryFolder();
  });
  afterEach(() => bad.remove());
  after(() => good.remove());

  /** Lines on standard error of a command that must end in 3, before any request or output. */
  const problems = async (args: readonly string[], options?: RunOptions) => {
    const { code, out, err } = await run(args, options);
    expect(code, err).to.equal(3);
    expect(out).to.equal('');
    return err.replaceAll(bad.path, 'bad').trimEnd().split('\n');
  };
  const check = (...args: readonly string[]) => problems(['check', IMAGE, ...args]);
  const withGood = (...args: readonly string[]) => check('--policies', good.path, ...args);

  it('is not reported for valid input', async () => {
    expect((await run(['check', IMAGE, '--policies', good.path])).code).to.equal(0);
  });

  it('is a gate with a folder of policies that is to ask the promotions of a cluster', async () => {
    const gate = { upstreams: [{ match: ['**'] }], onMissing: { request: 'platform/node-mirror' } };
    const settings = await bad.write('settings.yaml', { gate });
    const lines = await problems(['gate', '--settings', settings, '--policies', good.path]);
    expect(lines.join(' ')).to.include('gate.onMissing').and.to.include('--policies');
    for (const request of ['', 'A', 'a/b/c', '../x', 'a b', `${'a'.repeat(64)}/b`]) {
      await bad.write('settings.yaml', { gate: { ...gate, onMissing: { request } } });
      const [line] = await problems(['gate', '--settings', settings, '--policies', good.path]);
      expect(line, request).to.include('gate.onMissing');
    }
    for (const onMissing of ['node-mirror', { requst: 'a' }, { request: 'a', anonymous: 'yes' }]) {
      await bad.write('settings.yaml', { gate: { ...gate, onMissing } });
      const [line] = await problems(['gate', '--settings', settings, '--policies', good.path]);
      expect(line).to.include('gate.onMissing: is neither Refuse nor { request:');
    }
  });

  it('is an unknown flag or command, with a hint', async () => {
    expect((await check('--polices', 'x')).join(' '))
      .to.include("unknown option '--polices'")
      .and.to.include('--policies');
    expect((await problems(['chek'])).join(' '))
      .to.include("unknown command 'chek'")
      .and.to.include('check');
  });

  it('is no command at all, which prints the commands', async () => {
    expect((await problems([])).join(' '))
      .to.include('check')
      .and.to.include('serve');
  });

  it('is a flag with a wrong value', async () => {
    expect((await withGood('-o', 'xml'))[0]).to.include('xml');
    expect((await withGood('--unmatched-images', 'deny'))[0]).to.include('Allow, Warn, Deny');
    for (const timeout of ['10', 'soon', '-1s', '0s', '25h']) {
      expect((await withGood(`--timeout=${timeout}`))[0])
        .to.include('--timeout')
        .and.to.include('30s or 1m');
    }
  });

  it('is a missing folder, and a missing flag', async () => {
    expect(await check('--policies', `${bad.path}/none`)).to.deep.equal([
      'error: bad/none: no such file or folder',
    ]);
    expect(await check()).to.deep.equal([
      'error: --policies: is needed: a folder or file with ImagePolicies',
    ]);
  });

  it('is a folder without a policy', async () => {
    expect(await check('--policies', bad.path)).to.deep.equal(['error: bad: holds no ImagePolicy']);
    await bad.write('namespace.yaml', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    expect(await check('--policies', bad.path)).to.deep.equal(['error: bad: holds no ImagePolicy']);
  });

  it('is nothing to check', async () => {
    expect(await problems(['check', '--policies', good.path])).to.deep.equal([
      'error: nothing to check: name images, or manifests by -f',
    ]);
  });

  it('is wrong YAML, with file and line', async () => {
    await bad.write('a.yaml', 'kind: ImagePolicy\nspec: [\n');
    expect((await check('--policies', bad.path))[0]).to.match(/^error: bad\/a\.yaml:[23]: /);
  });

  it('is an invalid policy, with file and field', async () => {
    await bad.write('a.yaml', policyDocument({ require: { signatures: { from: ['missing'] } } }));
    expect(await check('--policies', bad.path)).to.deep.equal([
      'error: bad/a.yaml: spec.require.signatures.from[0]: no authority is named "missing"',
    ]);
  });

  it('is two policies of one name', async () => {
    await bad.write('a.yaml', policyDocument({ require: {} }));
    await bad.write('b.yaml', policyDocument({ require: {} }));
    expect(await check('--policies', bad.path)).to.deep.equal([
      'error: bad/b.yaml: metadata.name: "production" is also in bad/a.yaml',
    ]);
  });

  it('is a key that cannot be read', async () => {
    const authorities = [
      { name: 'release', key: { pem: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n' } },
    ];
    await bad.write(
      'a.yaml',
      policyDocument({ authorities, require: { signatures: { from: ['release'] } } }),
    );
    expect((await check('--policies', bad.path))[0]).to.equal(
      'error: bad/a.yaml: spec.authorities[0].key.pem: holds a PUBLIC KEY block that cannot be read',
    );
  });

  it('is a manifest without a kind, or with unreadable images', async () => {
    const a = await bad.write('a.yaml', { kind: 'Deployment', spec: {} });
    const b = await bad.write('b.yaml', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'b' },
      spec: { containers: 'web' },
    });
    const c = await bad.write('c.yaml', { apiVersion: 'v1', items: [] });
    expect(await withGood('-f', a, '-f', b, '-f', c)).to.have.members([
      'error: bad/a.yaml: apiVersion: is missing',
      'error: bad/b.yaml: spec.containers: is not a list',
      'error: bad/c.yaml: kind: is missing',
    ]);
  });

  it('is standard input for two things at once', async () => {
    const said = ['error: -: standard input can be read by one option only'];
    expect(await check('--policies', '-', '-f', '-')).to.deep.equal(said);
    expect(await withGood('-f', '-', '-f', '-')).to.deep.equal(said);
    expect(await problems(['review', '-f', '-', '--policies', '-'])).to.deep.equal(said);
  });

  it('is reported with the name of the flag, or with file and field of the settings', async () => {
    const settings = await bad.write('settings.yaml', {
      memory: { foundMs: 0 },
      webhook: { listen: 'x' },
      typo: 1,
    });
    const said = await withGood('--insecure-registry', 'http://registry.example.com', '--settings', settings);
    expect(said.map((line) => line.split(': ').slice(0, 3).join(': '))).to.have.members([
      'error: --insecure-registry: is not a host such as registry.example.com:5000',
      'error: bad/settings.yaml: memory.foundMs',
      'error: bad/settings.yaml: webhook.listen',
      'error: bad/settings.yaml: Unrecognized key',
    ]);
    const list = await bad.write('list.yaml', [1]);
    expect(await withGood('--settings', list)).to.deep.equal([
      'error: bad/list.yaml: is not one YAML mapping of settings',
    ]);
  });

  it('is a CA file that is missing or empty', async () => {
    const ca = await bad.write('ca.pem', 'no certificate');
    expect(await withGood('--registry-ca', `${bad.path}/none.pem`, '--registry-ca', ca)).to.deep.equal([
      'error: bad/none.pem: no such file or folder',
      'error: bad/ca.pem: holds no PEM certificate',
    ]);
  });

  it('is reported all at once: policies, manifests, references and settings', async () => {
    await bad.write('a.yaml', policyDocument({ enforcement: 'deny', require: {} }));
    await bad.write('b.yaml', { apiVersion: 'v1', kind: 'ImagePolcy' });
    const said = await check(
      '--policies',
      bad.path,
      'Not/An/Image',
      '-f',
      `${bad.path}/none`,
      '--insecure-registry',
      'a/b',
    );
    expect(said.map((line) => line.split(': ').slice(0, 3).join(': '))).to.have.members([
      'error: bad/a.yaml: spec.enforcement',
      'error: bad/b.yaml: kind',
      'error: bad/none: no such file or folder',
      'error: image "Not/An/Image": has an invalid repository',
      'error: --insecure-registry: is not a host such as registry.example.com:5000',
    ]);
  });
});

describe('pratique version and help', () => {
  it('print the version', async () => {
    expect(await run(['version'])).to.include({ code: 0, out: '1.2.3\n' });
    expect(await run(['version', '-o', 'json'])).to.include({ code: 0, out: '{"version":"1.2.3"}\n' });
    expect(await run(['version', '-o', 'yaml'])).to.include({ code: 0, out: 'version: 1.2.3\n' });
  });

  it('print help when asked, which is no error', async () => {
    for (const args of [['--help'], ['check', '--help'], ['help', 'serve']]) {
      const { code, out } = await run(args);
      expect(code).to.equal(0);
      expect(out).to.include('Usage: pratique');
    }
  });
});
