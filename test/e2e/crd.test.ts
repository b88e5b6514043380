import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { startCluster, type Cluster } from './support/cluster/cluster.ts';
import { until } from './support/wait.ts';

const root = join(import.meta.dirname, '..', '..');

/** A valid policy, in which each row changes one field. */
function policyWith(change: (spec: Record<string, unknown>) => void): object {
  const spec: Record<string, unknown> = {
    match: { images: ['registry.example.com/**'] },
    authorities: [{ name: 'release', key: { secretRef: { name: 'release-key', key: 'cosign.pub' } } }],
    require: { signatures: { from: ['release'] }, lifecycle: { warnBefore: '720h' } },
  };
  change(spec);
  return { apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy', metadata: { name: 'wrong' }, spec };
}

const NO_FOLDER = 'a folder is read and written by pratique promote only, not by pods';
const promotionSpec = {
  source: { repository: 'registry.example.com/quarantine/node' },
  target: { repository: 'registry.example.com/golden/node' },
  tags: { semver: ['>=22 <25'] },
  promote: {},
};

/** An object of a kind of promotion. */
const promotional = (kind: string, spec: object, name = 'wrong'): object => ({
  apiVersion: 'pratique.dev/v1alpha1',
  kind,
  metadata: { name, namespace: 'default' },
  spec,
});

describe('the CRDs at a real API server', () => {
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
      check: async () => (await cluster.kubectl(['get', 'ipol,ipr,iprr,ipa'])).code === 0,
    });
  });

  after(() => cluster.stop());

  it('accepts every sample, and shows it under its short name', async () => {
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
    const promotions = await cluster.kubectl(['get', 'ipr']);
    expect(promotions.stdout)
      .to.match(/NAME\s+SOURCE\s+TARGET\s+READY\s+PROMOTED\s+BLOCKED\s+LAST RUN\s+AGE/)
      .and.contain('node-to-golden');
    const approvals = await cluster.kubectl(['get', 'ipa']);
    expect(approvals.stdout).to.match(/NAME\s+RUN\s+DECISION\s+APPROVER\s+UNTIL\s+AGE/);
    const all = await cluster.kubectl(['get', 'pratique']);
    expect(all.stdout).to.contain('imagepromotion.pratique.dev/node-mirror');
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
      (spec) => (spec.require = { quarantine: { releasedBy: ['missing'] } }),
      'names an authority that is not in authorities',
    ],
    [
      'more signatures than names',
      (spec) => (spec.require = { signatures: { from: ['release'], atLeast: 2 } }),
      'atLeast is more than the number of names in from',
    ],
    [
      'a subject with stars',
      (spec) => {
        const subject = 'https://github.com/acme/*/.github/workflows/*';
        const keyless = { issuer: 'https://token.actions.githubusercontent.com', subject };
        spec.authorities = [{ name: 'release', keyless }];
      },
      'subjectPattern',
    ],
    [
      'a type of statements with a star',
      (spec) => {
        const predicateType = 'https://slsa.dev/provenance/*';
        spec.require = { attestations: [{ predicateType, from: ['release'] }] };
      },
      'leave out the version',
    ],
  ];

  const globs: readonly (readonly [string, string])[] = [
    ['ghcr.io', 'HOST/**'],
    ['quay.io**', 'HOST/**'],
    ['localhost:5000', 'HOST/**'],
    ['**demo**', '**/NAME*'],
    ['registry.example.com/team**', 'HOST/TEAM/**'],
    ['registry.example.com/team/', 'empty component'],
    ['registry.example.com/Team/**', 'lower case'],
    ['registry.example.com/team:1.4', 'leave out the tag'],
    ['https://registry.example.com/**', 'leave out the scheme'],
    ['gh*/team/**', 'docker.io/NAME*/'],
  ];
  const glob = (pattern: string): readonly (readonly [string, (spec: Record<string, unknown>) => void])[] => {
    const finding = { id: 'CVE-2026-1', reason: 'not reachable', images: [pattern] };
    const vulnerabilities = { trust: 'Unsigned', exceptions: [finding] };
    return [
      ['match.images', (spec) => (spec.match = { images: ['**', pattern] })],
      ['match.excludeImages', (spec) => (spec.match = { images: ['**'], excludeImages: [pattern] })],
      ['require.quarantine.images', (spec) => (spec.require = { quarantine: { images: [pattern] } })],
      ['require.vulnerabilities.exceptions[0].images', (spec) => (spec.require = { vulnerabilities })],
    ];
  };
  for (const [pattern, form] of globs)
    it(`O07 refuses the glob ${pattern} in every field that holds globs, and names the form that works`, async () => {
      for (const [path, change] of glob(pattern)) {
        const input = JSON.stringify(policyWith(change));
        const { code, stderr } = await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], { input });
        expect(code, stderr).to.equal(1);
        expect(stderr).to.contain(`spec.${path}[`).and.to.contain(form);
      }
    });

  it('O07 a stored policy with such a glob keeps its status and labels writable, and is refused when the glob is written again', async () => {
    const file = join(root, 'crds', 'pratique.dev_imagepolicies.yaml');
    const written = await readFile(file, 'utf8');
    const withoutRules = (key: string, value: unknown) =>
      key === 'x-kubernetes-validations' ? undefined : value;
    const older = JSON.stringify(parse(written), withoutRules);
    const name = 'older';
    const policy = (images: readonly string[]) => {
      const changed = policyWith((spec) => (spec.match = { images })) as Record<string, unknown>;
      return JSON.stringify({ ...changed, metadata: { name } });
    };
    const apply = (input: string) => cluster.kubectl(['apply', '-f', '-'], { input });
    expect((await apply(older)).code).to.equal(0);
    await until({
      what: 'the older definition to be in force',
      withinMs: 20_000,
      check: async () => (await apply(policy(['ghcr.io', 'registry.example.com/**']))).code === 0,
    });
    expect((await apply(written)).code).to.equal(0);
    await until({
      what: 'the definition to be in force again',
      withinMs: 20_000,
      check: async () => (await apply(policy(['quay.io', 'registry.example.com/**']))).code !== 0,
    });
    const condition = { type: 'Ready', status: 'False', reason: 'Invalid', message: 'x' };
    const at = { lastTransitionTime: '2026-11-28T12:00:00Z', observedGeneration: 1 };
    const patch = (body: object, ...more: string[]) =>
      cluster.kubectl(['patch', 'ipol', name, '--type=merge', '-p', JSON.stringify(body), ...more]);
    const status = await patch({ status: { conditions: [{ ...condition, ...at }] } }, '--subresource=status');
    expect(status.code, status.stderr).to.equal(0);
    const label = await patch({ metadata: { labels: { team: 'shop' } } });
    expect(label.code, label.stderr).to.equal(0);
    const other = await patch({ spec: { enforcement: 'Warn' } });
    expect(other.code, other.stderr).to.equal(0);
    const { code, stderr } = await patch({ spec: { match: { images: ['quay.io'] } } });
    expect(code, stderr).to.equal(1);
    expect((await cluster.kubectl(['delete', 'ipol', name])).code).to.equal(0);
  });

  for (const [what, change, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const input = JSON.stringify(policyWith(change));
      const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input });
      expect(code, stderr).to.equal(1);
      expect(stderr).to.contain(message);
    });
  }

  it('refuses an unknown field with strict validation, as kubectl requests it', async () => {
    const input = JSON.stringify(policyWith((spec) => (spec.enforcment = 'Warn')));
    const { code, stderr } = await cluster.kubectl(['apply', '--validate=strict', '-f', '-'], { input });
    expect(code).to.equal(1);
    expect(stderr).to.contain('enforcment');
  });

  const scan = (block: object) => ({ promote: { scan: block } });
  const authorities = [{ name: 'a', key: { pem: 'x' } }];
  const promotions: readonly (readonly [what: string, more: object, message: string])[] = [
    ['neither mirror nor promote', { promote: undefined }, 'needs exactly one of mirror, promote'],
    ['mirror and promote', { mirror: {} }, 'needs exactly one of mirror, promote'],
    ['one repository twice', { target: promotionSpec.source }, 'source and target are the same repository'],
    ['no way to select', { tags: { exclude: ['a'] } }, 'selects nothing'],
    ['no time', { timeout: '0s' }, 'timeout leaves no time'],
    ['a negative time', { timeout: '-1m' }, 'spec.timeout'],
    ['Listed without types', { attachments: { carry: 'Listed' } }, 'artifactTypes goes with carry Listed'],
    [
      'types without Listed',
      { attachments: { artifactTypes: ['a/b'] } },
      'artifactTypes goes with carry Listed',
    ],
    ['a report without authorities', scan({ from: 'Report' }), 'authorities goes with from Report'],
    ['authorities without report', scan({ authorities }), 'authorities goes with from Report'],
    ['an unknown scanner', scan({ scanner: 'Other' }), 'spec.promote.scan.scanner'],
    ['a signer without key', { promote: { sign: {} } }, 'needs exactly one of secretRef, keyless'],
    [
      'a certificate without proof of time',
      { promote: { sign: { keyless: { fulcioURL: 'https://fulcio.example.com' } } } },
      'needs rekorURL or tsaURL',
    ],
    ['a folder as source', { source: { repository: 'oci:./export' } }, NO_FOLDER],
    ['a folder as target', { target: { repository: 'oci:/media/export' } }, NO_FOLDER],
    ['a folder among many', { source: { repositories: [{ from: 'oci:../a/b' }] } }, NO_FOLDER],
    ['too many images at a time', { maxParallelImages: 17 }, 'spec.maxParallelImages'],
  ];
  for (const [what, more, message] of promotions) {
    it(`refuses a promotion with ${what}`, async () => {
      const input = JSON.stringify(promotional('ImagePromotion', { ...promotionSpec, ...more }));
      const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input });
      expect(code, stderr).to.equal(1);
      expect(stderr).to.contain(message);
    });
  }

  it('accepts a run, and refuses every change to it', async () => {
    const promotion = { name: 'node', uid: 'a', generation: 1 };
    const apply = (trigger: string) => {
      const run = promotional('ImagePromotionRun', { promotion, trigger, template: promotionSpec }, 'node-1');
      return cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(run) });
    };
    const first = await apply('Schedule');
    expect(first.code, first.stderr).to.equal(0);
    const again = await apply('Schedule');
    expect(again.code, again.stderr).to.equal(0);
    expect((await apply('Manual')).stderr).to.contain('a run is never changed');
  });

  it('refuses every change to an approval', async () => {
    const patch = JSON.stringify({ spec: { waive: ['CVE-2026-0003'] } });
    const { code, stderr } = await cluster.kubectl(['patch', 'ipa/base-1-4-2', '--type=merge', '-p', patch]);
    expect(code).to.equal(1);
    expect(stderr).to.contain('an approval is never changed');
  });
});
