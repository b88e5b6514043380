import { expect } from 'chai';
import { parse } from 'yaml';
import { openPolicyFixture, type ImageName, type PolicyFixture } from '../support/policy-fixture.ts';
import { pushStatement, RELEASE_PREDICATE_TYPE } from '../support/signed-images.ts';
import { signingKey } from '../support/signing.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { run } from './run.ts';

interface Report {
  readonly images: readonly { image: string; explanation?: readonly string[] }[];
}

const MANIFEST = 'manifest: THIS (application/vnd.oci.image.manifest.v1+json)';
const BUNDLE = 'referrers: A (application/vnd.dev.sigstore.bundle.v0.3+json)';
const SECOND_BUNDLE = BUNDLE.replace('A', 'B');

describe('pratique check --explain', () => {
  let fixture: PolicyFixture;
  let policies: TemporaryFolder;
  before(async () => {
    fixture = await openPolicyFixture();
  });
  beforeEach(async () => {
    policies = await temporaryFolder({ 'production.yaml': fixture.policy({}) });
  });
  afterEach(() => policies.remove());
  after(() => fixture.registry.close());

  const check = async (...args: readonly string[]) =>
    (await run(['check', '--policies', policies.path, ...args])).out;
  const reportOf = async (...args: readonly string[]) =>
    JSON.parse(await check('--explain', '-o', 'json', ...args)) as Report;
  /** The explanation with HERE, THIS (the image), A and B (what refers to it, in order) for what differs from run to run. */
  const reported = async (name: ImageName, ...args: readonly string[]) => {
    const [judged] = (await reportOf(fixture.image(name), ...args)).images;
    const own = fixture.pushed.get(name)?.digest ?? '-';
    const lines = (judged?.explanation ?? []).map((line) =>
      line
        .replaceAll(fixture.registry.host, 'HERE')
        .replaceAll(own, 'THIS')
        .replaceAll(own.replace(':', '-'), 'THIS'),
    );
    const others = [...new Set(lines.flatMap((line) => line.match(/sha256:[a-f0-9]{64}/g) ?? []))];
    return lines.map((line) =>
      others.reduce((text, digest, index) => text.replaceAll(digest, 'AB'[index] ?? '?'), line),
    );
  };
  const lookedIn = (repository: string) => [
    `looked in tag HERE/${repository}:THIS.sig`,
    `looked in referrers of THIS in HERE/${repository}`,
  ];

  const rows: readonly [string, ImageName, readonly string[]][] = [
    [
      'a signature that counts, and for whom',
      'good',
      [
        ...lookedIn('shop/good'),
        MANIFEST,
        BUNDLE,
        'signatures: A: signature, counts as one by authority "release" [policy production]',
      ],
    ],
    [
      'one under the tag of cosign 2',
      'signed-the-old-way',
      [
        ...lookedIn('shop/signed-the-old-way'),
        MANIFEST,
        'referrers: none',
        'signatures: A: signature, counts as one by authority "release" [policy production]',
      ],
    ],
    [
      'one that does not count, and why',
      'signed-by-a-stranger',
      [
        ...lookedIn('shop/signed-by-a-stranger'),
        MANIFEST,
        BUNDLE,
        'signatures: A: does not count, made by another key',
      ],
    ],
    [
      'an image without evidence',
      'unsigned',
      [...lookedIn('shop/unsigned'), MANIFEST, 'referrers: none', 'signatures: none'],
    ],
    [
      'that a release was looked for, and found',
      'released',
      [
        ...lookedIn('shop/released'),
        'looked in tag HERE/shop/released:THIS.att',
        MANIFEST,
        BUNDLE,
        SECOND_BUNDLE,
        'signatures: A: signature, counts as one by authority "release" [policy production]',
        'signatures: B: release, counts as one by authority "release" [policy production]',
      ],
    ],
    ['a missing image', 'missing', ['manifest: none']],
  ];
  for (const [what, name, expected] of rows) {
    it(`shows ${what}`, async () => {
      // The order of referrers is the registry's.
      const sorted = (lines: readonly string[]) =>
        [...lines].map((line) => line.replace(/\b[AB]\b/, 'X')).sort();
      expect(sorted(await reported(name))).to.deep.equal(sorted(expected));
    });
  }

  it('shows unknown evidence', async () => {
    for (const line of await reported('broken')) {
      expect(line).to.match(/^(manifest|referrers|signatures): unknown, .*HERE answered 503$/);
    }
    expect(await reported('broken')).to.have.length(3);
  });

  it('shows the repositories that authorities name, each once', async () => {
    const kept = { repository: `${fixture.registry.host}/kept/signatures` };
    const authorities = [fixture.key, signingKey()].map(({ pem }, index) => ({
      name: ['release', 'other'][index],
      key: { pem },
      ...kept,
    }));
    const require = { signatures: { from: ['release', 'other'] } };
    await policies.write('production.yaml', fixture.policy({ authorities, require }));
    expect((await reported('good')).slice(0, 5)).to.deep.equal([
      ...lookedIn('shop/good'),
      ...lookedIn('kept/signatures'),
      MANIFEST,
    ]);
  });

  it('shows a release by a user without the right to release', async () => {
    const key = signingKey();
    const image = fixture.pushed.get('flagged');
    const target = { registry: fixture.registry.host, repository: 'shop/flagged' };
    if (!image) throw new Error('the image was pushed');
    await pushStatement(target, image, { key, predicateType: RELEASE_PREDICATE_TYPE });
    const lines = await reported('flagged');
    expect(lines).to.include('looked in tag HERE/shop/flagged:THIS.att');
    expect(lines.join('\n')).to.match(/^signatures: [AB]: does not count, made by another key$/m);
  });

  it('shows only the policies of the namespace', async () => {
    const namespace = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { env: name } },
    });
    const selecting = (env: string) => {
      const match = { images: ['**'], namespaceSelector: { matchLabels: { env } } };
      return fixture.policy({ match, require: { signatures: { from: ['release'] } } }, `for-${env}`);
    };
    await policies.write('production.yaml', selecting('production'));
    await policies.write('test.yaml', selecting('test'));
    for (const name of ['production', 'test'])
      await policies.write(`namespace-${name}.yaml`, namespace(name));
    const last = (lines: readonly string[]) => lines.at(-1);
    expect(last(await reported('good', '-n', 'production'))).to.match(
      /by authority "release" \[policy for-production\]$/,
    );
    expect(last(await reported('good', '-n', 'test'))).to.match(
      /by authority "release" \[policy for-test\]$/,
    );
  });

  it('prints the same below each image as text, and in YAML', async () => {
    const images = [fixture.image('good'), fixture.image('unsigned')];
    const report = await reportOf(...images);
    expect(parse(await check('--explain', '-o', 'yaml', ...images))).to.deep.equal(report);
    const text = await check('--explain', ...images);
    for (const { explanation = [] } of report.images) {
      expect(explanation).to.not.have.length(0);
      expect(text).to.include(explanation.map((line) => `\n           ${line}`).join(''));
    }
  });

  it('shows nothing without the flag, or when no evidence was needed', async () => {
    expect(await check('-o', 'json', fixture.image('good'))).to.not.include('explanation');
    expect(await check(fixture.image('good'))).to.not.include('looked in');
    await policies.write(
      'production.yaml',
      fixture.policy({ match: { images: ['registry.example.com/**'] } }),
    );
    expect((await reportOf(fixture.image('good'))).images[0]).to.not.have.property('explanation');
  });
});
