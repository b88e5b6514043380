import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { startCluster, type Cluster } from './support/cluster.ts';
import { until } from './support/wait.ts';

const root = join(import.meta.dirname, '..', '..');

/** A policy that is good but for what a row changes. */
function policyWith(change: (spec: Record<string, unknown>) => void): object {
  const spec: Record<string, unknown> = {
    match: { images: ['registry.example.com/**'] },
    authorities: [{ name: 'release', key: { secretRef: { name: 'release-key', key: 'cosign.pub' } } }],
    require: { signatures: { from: ['release'] }, lifecycle: { warnBefore: '720h' } },
  };
  change(spec);
  return { apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy', metadata: { name: 'wrong' }, spec };
}

describe('the ImagePolicy CRD at a real API server', () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await startCluster();
    const folder = join(root, 'crds');
    for (const file of (await readdir(folder)).filter((name) => name.endsWith('.yaml'))) {
      const { code, stderr } = await cluster.kubectl(['apply', '-f', join(folder, file)]);
      expect(code, stderr).to.equal(0);
    }
    await until({
      what: 'the CRD to be served',
      withinMs: 20_000,
      check: async () => (await cluster.kubectl(['get', 'ipol'])).code === 0,
    });
  });

  after(() => cluster.stop());

  it('takes every sample, and shows it under its short name', async () => {
    const folder = join(root, 'manifests', 'samples');
    for (const file of await readdir(folder)) {
      const text = await readFile(join(folder, file), 'utf8');
      const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input: text });
      expect(code, `${file}: ${stderr}`).to.equal(0);
    }
    const { stdout } = await cluster.kubectl(['get', 'ipol']);
    expect(stdout)
      .to.match(/NAME\s+ENFORCEMENT\s+READY\s+DENIED\s+UNKNOWN\s+AGE/)
      .and.match(/production\s+Deny/);
  });

  const refusals: readonly (readonly [string, (spec: Record<string, unknown>) => void, string])[] = [
    ['no images', (spec) => (spec.match = { images: [] }), 'spec.match.images'],
    ['no match', (spec) => delete spec.match, 'spec.match'],
    ['an unknown enforcement', (spec) => (spec.enforcement = 'Maybe'), 'spec.enforcement'],
    [
      'a duration without unit',
      (spec) => (spec.require = { lifecycle: { warnBefore: '720' } }),
      'warnBefore',
    ],
    ['a negative duration', (spec) => (spec.require = { lifecycle: { gracePeriod: '-1h' } }), 'gracePeriod'],
    [
      'an authority with no key',
      (spec) => (spec.authorities = [{ name: 'release', key: {} }]),
      'needs exactly one of secretRef, configMapRef, pem',
    ],
    [
      'an authority with two kinds of key',
      (spec) =>
        (spec.authorities = [{ name: 'release', key: { pem: 'x', configMapRef: { name: 'a', key: 'b' } } }]),
      'needs exactly one of secretRef, configMapRef, pem',
    ],
    [
      'a signature by a name that no authority has',
      (spec) => (spec.require = { signatures: { from: ['releases'] } }),
      'names an authority that is not in authorities',
    ],
    [
      'a release by a name that no authority has',
      (spec) => (spec.require = { quarantine: { releasedBy: ['nobody'] } }),
      'names an authority that is not in authorities',
    ],
    [
      'more signatures than names',
      (spec) => (spec.require = { signatures: { from: ['release'], atLeast: 2 } }),
      'atLeast is more than the number of names in from',
    ],
  ];

  for (const [what, change, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const input = JSON.stringify(policyWith(change));
      const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input });
      expect(code, stderr).to.equal(1);
      expect(stderr).to.contain(message);
    });
  }

  it('refuses a field it does not know, when asked to be strict as kubectl is', async () => {
    const input = JSON.stringify(policyWith((spec) => (spec.enforcment = 'Warn')));
    const { code, stderr } = await cluster.kubectl(['apply', '--validate=strict', '-f', '-'], { input });
    expect(code).to.equal(1);
    expect(stderr).to.contain('enforcment');
  });
});
