import { expect } from 'chai';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { pushImage } from '../../support/registry/push.ts';
import { run, type Ran } from '../run.ts';

describe('plan and promote of many repositories', () => {
  let registry: EmbeddedRegistry;
  const give = (args: readonly string[], repositories: readonly object[]): Promise<Ran> =>
    run([...args, '-f', '-'], {
      stdin: JSON.stringify({
        apiVersion: 'pratique.dev/v1alpha1',
        kind: 'ImagePromotion',
        metadata: { name: 'all' },
        spec: {
          source: { repositories },
          target: { repository: `${registry.host}/golden` },
          tags: { semver: ['*'] },
          promote: {},
        },
      }),
      undisturbed: true,
    });

  beforeEach(async () => {
    registry = await startRegistry();
    for (const [name, tag] of [
      ['team/node', '1.0.0'],
      ['team/web', 'latest'],
    ] as const)
      await pushImage({ registry: registry.host, repository: name, tag }, { salt: name });
  });
  afterEach(() => registry.close());

  it('say where each goes, or why nothing of it does, and name the repository in each row', async () => {
    const from = `${registry.host}/team/*`;
    const plan = await give(['plan'], [{ from }]);
    expect(plan.code).to.equal(0);
    expect(plan.out).to.include(`all: ${from} → ${registry.host}/golden\n`);
    expect(plan.out).to.match(/ \S+\/team\/node:1\.0\.0 +sha256:\S+ +Move /);
    expect(plan.out).to.include(`  ${registry.host}/team/node → ${registry.host}/golden/team/node\n`);
    expect(plan.out).to.match(/team\/web → no tag of \S+ is selected/);
    const json = await give(['plan', '-o', 'json'], [{ from }]);
    expect(JSON.parse(json.out)).to.have.nested.property(
      'plans[0].repositories[0].to',
      `${registry.host}/golden/team/node`,
    );
  });

  it('exit with 2 where a repository could not be read, and have brought the others', async () => {
    const entries = [{ from: `${registry.host}/team/*`, names: ['node', 'gone'] }];
    const ran = await give(['promote'], entries);
    expect(ran.code).to.equal(2);
    expect(ran.err).to.match(/team\/node:1\.0\.0: Promoted/);
    expect(ran.out)
      .to.match(/team\/gone +- +Failed +ImageNotFound/)
      .and.include('1 promoted, 1 failed');
  });

  it('exit with 3 for entries that cannot be, with the field', async () => {
    const ran = await give(['plan'], [{ from: '*/node' }]);
    expect(ran.code).to.equal(3);
    expect(ran.err).to.include('spec.source.repositories[0].from');
  });
});
