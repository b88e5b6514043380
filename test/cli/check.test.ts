import { expect } from 'chai';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { silence } from '../support/registry/misbehave.ts';
import { openPolicyFixture, type PolicyFixture } from '../support/policy-fixture.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run, type RunOptions } from './run.ts';

interface Report {
  readonly images: readonly {
    image: string;
    verdict: string;
    digest?: string;
    field?: string;
    container?: string;
    findings: readonly { reason: string }[];
  }[];
  readonly summary: Readonly<Record<string, number>>;
}

describe('pratique check', () => {
  let fixture: PolicyFixture;
  let policies: TemporaryFolder;
  let files: TemporaryFolder;
  before(async () => {
    fixture = await openPolicyFixture();
  });
  beforeEach(async () => {
    policies = await temporaryFolder({ 'production.yaml': fixture.policy({}) });
    files = await temporaryFolder();
  });
  afterEach(() => Promise.all([policies.remove(), files.remove()]));
  after(() => fixture.registry.close());

  const check = (args: readonly string[], options?: RunOptions) =>
    run(['check', '--policies', policies.path, ...args], options);
  const reportOf = async (args: readonly string[], options?: RunOptions) => {
    const { code, out } = await check([...args, '-o', 'json'], options);
    return { code, report: JSON.parse(out) as Report };
  };
  const pod = (image: string, namespace?: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', ...(namespace !== undefined && { namespace }) },
    spec: { containers: [{ name: 'web', image }] },
  });

  it('exits with 0 for good images, 1 with a refused one, 2 with an unknown one, 3 for bad input', async () => {
    const { image } = fixture;
    expect((await check([image('good'), image('signed-the-old-way'), image('released')])).code).to.equal(0);
    expect((await check([image('ending')])).code, 'a warning is no refusal').to.equal(0);
    expect((await check([image('good'), image('unsigned'), image('broken')])).code).to.equal(1);
    expect((await check([image('good'), image('broken')])).code).to.equal(2);
    expect((await check(['no image at all'])).code).to.equal(3);
  });

  it('prints a line per image and finding, and the total', async () => {
    const { image } = fixture;
    const { out, err } = await check([image('good'), image('flagged'), image('ending'), image('broken')]);
    expect(err).to.equal('');
    expect(out).to.match(/^allowed {2}\S+\/shop\/good:1\.0@sha256:[a-f0-9]{64}$/m);
    expect(out).to.match(
      /^refused {2}\S+\/shop\/flagged:1\.0@sha256:.*\n +Quarantined: .* \[policy production\]$/m,
    );
    expect(out).to.match(/^warned {3}.*\n +EndOfLifeNear: /m);
    expect(out).to.match(/^unknown .*\n +RegistryUnavailable: .*\(temporary, try again\)$/m);
    expect(out).to.match(/4 images: 1 allowed, 1 warned, 1 refused, 1 unknown\n$/);
  });

  it('prints the same as JSON and as YAML', async () => {
    const args = [fixture.image('good'), fixture.image('unsigned')];
    const { report } = await reportOf(args);
    const { out } = await check([...args, '-o', 'yaml']);
    expect(parse(out)).to.deep.equal(report);
    expect(report.images.map(({ image, verdict }) => [image, verdict])).to.deep.equal([
      [args[0], 'allow'],
      [args[1], 'deny'],
    ]);
    expect(report.images[0]?.digest).to.equal(fixture.pushed.get('good')?.digest);
    expect(report.images[1]?.findings.map(({ reason }) => reason)).to.deep.equal(['Unsigned']);
    expect(report.summary).to.deep.equal({ total: 2, allowed: 1, warned: 0, refused: 1, unknown: 0 });
  });

  it('prints colours only when they are enabled', async () => {
    const args = [fixture.image('good')];
    expect((await check(args, { colour: true })).out).to.include('\u001b[32mallowed\u001b[0m');
    expect((await check(args, { colour: false })).out).not.to.include('\u001b');
    expect((await check([...args, '-o', 'json'], { colour: true })).out).not.to.include('\u001b');
  });

  it('finds the images of many documents, lists, folders and standard input', async () => {
    const { image } = fixture;
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'shop' },
      spec: { template: pod(image('good')) },
    };
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } };
    const list = { apiVersion: 'v1', kind: 'List', items: [service, pod(image('flagged'))] };
    await files.write(
      'a.yaml',
      `${JSON.stringify(deployment)}\n---\n# only words\n---\n${JSON.stringify(list)}\n`,
    );
    const single = await files.write('single.txt', pod(image('old')));
    const { code, report } = await reportOf(['-f', files.path, '-f', single, '-f', '-', image('good')], {
      stdin: JSON.stringify(pod(image('unsigned'))),
    });
    expect(code).to.equal(1);
    const reported = report.images.map(({ field = '', findings }) =>
      `${field.replace(files.path, '')} ${findings.map((f) => f.reason).join()}`.trim(),
    );
    expect(reported).to.deep.equal([
      '',
      '/a.yaml: Deployment/shop spec.template.spec.containers[0].image',
      '/a.yaml#3 items[1]: Pod/web spec.containers[0].image Quarantined',
      '/single.txt: Pod/web spec.containers[0].image PastEndOfLife',
      '-: Pod/web spec.containers[0].image Unsigned',
    ]);
  });

  it('succeeds for manifests without images, and reports that', async () => {
    const file = await files.write('a.yaml', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
    });
    expect(await check(['-f', file])).to.include({ code: 0, out: '0 images: nothing to judge\n' });
  });

  it('O44 lists objects of custom kinds as not judged, and fails if nothing was judged', async () => {
    const custom = [
      ['argoproj.io/v1alpha1', 'Rollout'],
      ['serving.knative.dev/v1', 'Service'],
      ['extensions/v1beta1', 'Deployment'],
      ['acme.example/v1', 'Machine'],
      ['apps/v1', 'Deploymnet'],
      ['v1', 'Deployment'],
      ['batch/v1', 'job'],
      ['apps/v1', 'Pod'],
      ['jobset.x-k8s.io/v1alpha2', 'JobSet'],
      ['pratique.dev/v1alpha1', 'Promotion'],
      ['constructor/v1', 'Pod'],
    ].map(([apiVersion, kind]) => ({ apiVersion, kind, metadata: { name: 'web' }, spec: {} }));
    const harmless = [
      ['v1', 'Service'],
      ['networking.k8s.io/v1', 'Ingress'],
      ['extensions/v1beta1', 'Ingress'],
      ['pratique.dev/v1alpha1', 'ImagePromotion'],
    ].map(([apiVersion, kind]) => ({ apiVersion, kind, metadata: { name: 'web' } }));
    const write = (name: string, items: readonly object[]) =>
      files.write(name, { apiVersion: 'v1', kind: 'List', items });
    const file = await write('custom.yaml', [...custom, ...harmless]);
    const only = await check(['-f', file]);
    expect(only).to.include({ code: 2, out: '0 images: nothing to judge\n' });
    expect([...only.err.matchAll(/items\[\d+\]: (\S+ \w+)\/web;/g)].map(([, named]) => named)).to.deep.equal(
      custom.map(({ apiVersion, kind }) => `${String(apiVersion)} ${String(kind)}`),
    );
    const beside = await check(['-f', file, fixture.image('good'), '-o', 'json']);
    expect(beside.code).to.equal(0);
    expect((JSON.parse(beside.out) as { notJudged: string[] }).notJudged).to.have.length(custom.length);
    expect(await check(['-f', await write('harmless.yaml', harmless)])).to.include({ code: 0, err: '' });
  });

  it('reads manifests/samples as a folder of policies', async () => {
    const samples = fileURLToPath(new URL('../../manifests/samples', import.meta.url));
    const { code, err } = await run(['check', '--policies', samples, fixture.image('good')]);
    expect(err).to.equal('');
    expect(code, 'production.yaml covers every image, and asks for another key').to.equal(1);
  });

  it('ignores kustomization.yaml, also without a kind', async () => {
    await files.write('kustomization.yaml', { resources: ['pod.yaml'] });
    await files.write('pod.yaml', pod(fixture.image('good')));
    expect(await check(['-f', files.path])).to.include({ code: 0, err: '' });
    const alone = await temporaryFolder({ 'kustomization.yml': { resources: ['pod.yaml'] } });
    expect(await check(['-f', alone.path])).to.include({
      code: 3,
      err: `error: ${alone.path}: holds no manifests\n`,
    });
    await alone.remove();
    await files.write('kustomization.yaml', pod(fixture.image('unsigned')));
    expect((await check(['-f', files.path])).code, 'a pod in a file of that name is judged').to.equal(1);
    await policies.write('kustomization.yaml', { resources: ['policy.yaml'] });
    expect(await check([fixture.image('good')])).to.include({ code: 0, err: '' });
    await policies.write('kustomization.yaml', fixture.policy({ require: { digest: {} } }, 'pinned'));
    expect((await check([fixture.image('good')])).code, 'a policy in a file of that name counts').to.equal(1);
  });

  it('O44 ignores known kinds beside policies, but no misspelled kind', async () => {
    const object = (apiVersion: string, kind: string) => ({ apiVersion, kind, metadata: { name: 'web' } });
    await policies.write('others.yaml', object('pratique.dev/v1alpha1', 'ImagePromotion'));
    await policies.write('account.yaml', object('v1', 'ServiceAccount'));
    await policies.write('role.yaml', object('rbac.authorization.k8s.io/v1', 'Role'));
    expect(await check([fixture.image('good')])).to.include({ code: 0, err: '' });
    await policies.write('misspelled.yaml', object('pratique.dev/v1alpha1', 'ImagePolicies'));
    expect((await check([fixture.image('good')])).code).to.equal(3);
  });

  it('does not succeed for an empty file or folder', async () => {
    const file = await files.write('a.txt', '# nothing\n');
    for (const path of [files.path, file]) {
      expect(await check(['-f', path])).to.include({ code: 3, err: `error: ${path}: holds no manifests\n` });
    }
    expect(await check(['-f', '-'])).to.include({ code: 3, err: 'error: -: holds no manifests\n' });
  });

  describe('with a policy that selects namespaces', () => {
    beforeEach(() =>
      policies.write(
        'production.yaml',
        fixture.policy({
          match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'production' } } },
        }),
      ),
    );
    const namespace = (name: string, env: string) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { env } },
    });

    it('reports unknown without a namespace, and shows how to give one', async () => {
      const { code, out } = await check([fixture.image('unsigned')]);
      expect(code).to.equal(2);
      expect(out).to.include('NamespaceUnknown').and.to.include('--namespace');
    });

    it('reports unknown for a namespace that no manifest describes', async () => {
      const { code, out } = await check([fixture.image('unsigned'), '-n', 'shop']);
      expect(code).to.equal(2);
      expect(out).to.include('no Namespace document describes "shop"');
    });

    it('judges by the labels of the Namespace among policies or manifests', async () => {
      await policies.write(
        'namespaces.yaml',
        `${JSON.stringify(namespace('shop', 'production'))}\n---\n${JSON.stringify(namespace('lab', 'test'))}`,
      );
      expect((await check([fixture.image('unsigned'), '-n', 'shop'])).code).to.equal(1);
      expect((await check([fixture.image('unsigned'), '-n', 'lab'])).code).to.equal(0);
      const manifests = `${JSON.stringify(namespace('new', 'production'))}\n---\n${JSON.stringify(pod(fixture.image('unsigned'), 'new'))}`;
      expect(
        (await check(['-f', '-', '-n', 'lab'], { stdin: manifests })).code,
        "the manifest's own namespace wins",
      ).to.equal(1);
    });
  });

  it('uses the settings for images that no policy covers', async () => {
    await policies.write(
      'production.yaml',
      fixture.policy({ match: { images: ['registry.example.com/**'] } }),
    );
    const image = fixture.image('unsigned');
    expect((await check([image])).code).to.equal(0);
    const warned = await check([image, '--unmatched-images', 'Warn']);
    expect(warned.code).to.equal(0);
    expect(warned.out).to.include('UnmatchedImage');
    expect((await check([image, '--unmatched-images', 'Deny'])).code).to.equal(1);
    const settings = await files.write('settings.yaml', { unmatchedImages: 'Deny' });
    expect((await check([image, '--settings', settings])).code).to.equal(1);
    expect(
      (await check([image, '--settings', settings, '--unmatched-images', 'Allow'])).code,
      'options win',
    ).to.equal(0);
  });

  it('ends at its timeout, and lists the unknown images', async () => {
    fixture.registry.intercept(silence('/v2/'));
    const { code, out } = await check([fixture.image('good'), '--timeout', '100ms']);
    fixture.registry.intercept(undefined);
    expect(code).to.equal(2);
    expect(out).to.include('DeadlineExceeded');
  });
});
