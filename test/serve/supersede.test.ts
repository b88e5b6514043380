import { expect } from 'chai';
import { listReferrers } from '../support/registry/listings.ts';
import { pushImage, type Pushed } from '../support/registry/push.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';

const LIFECYCLE = 'application/vnd.microsoft.artifact.lifecycle';
const LTS = { annotations: { 'dev.pratique.image.lineage': 'lts' } };

describe('a promotion that supersedes', () => {
  let fixture: PromotionFixture;
  const place = (path: string) => ({ registry: fixture.registry.host, repository: path });
  const push = (path: string, tag: string, more: object = {}): Promise<Pushed> =>
    pushImage({ ...place(path), tag }, { salt: path + tag, ...more });
  const run = (more: object = {}) =>
    fixture.run({
      spec: {
        source: { repository: `${fixture.registry.host}/quarantine/app` },
        target: { repository: `${fixture.registry.host}/golden/app` },
        tags: { semver: ['*'] },
        promote: { supersede: { endOfLifeAfter: '720h' } },
        ...more,
      },
    });
  /** The successor that each of these tags names. */
  const successors = (tags: readonly string[]) =>
    Promise.all(
      tags.map(async (tag) => {
        const answer = await fetch(`${fixture.registry.url}/v2/golden/app/manifests/${tag}`);
        const digest = answer.headers.get('docker-content-digest') ?? '';
        const listed = await listReferrers(place('golden/app'), digest);
        const marks = listed.filter(({ artifactType }) => artifactType === LIFECYCLE);
        return marks.map(({ annotations }) => annotations?.['dev.pratique.lifecycle.superseded-by']).join();
      }),
    );

  beforeEach(async () => {
    fixture = await openPromotionFixture();
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  it('marks older images of the same line, once, and no others', async () => {
    const others = ['1.4.0', '1.4.1', '1.5.0', '1.4', '1.4.1-alpine'];
    for (const tag of others) await push('golden/app', tag);
    await push('quarantine/app', '1.4.2');
    await run();
    await run();
    expect(await successors([...others, '1.4.2'])).to.deep.equal(['1.4.2', '1.4.2', '', '', '', '']);
  });

  for (const [scheme, marked] of [
    ['Semver', ''],
    ['Any', '2024.1.3'],
  ])
    it(`P46 marks a version ${marked === '' ? 'not ' : ''}by one that begins with a year, with scheme ${scheme}`, async () => {
      for (const tag of ['2.0.0', '2024.1.3']) await push('quarantine/app', tag, LTS);
      await run({ tags: { semver: ['*'], scheme } });
      expect(await successors(['2.0.0', '2024.1.3'])).to.deep.equal([marked, '']);
    });

  for (const [suffix, marks] of [
    ['Newer', ['1.4.2-10', '1.4.2-10', '1.4.2-10', '']],
    ['Prerelease', ['', '', '', '']],
  ] as const)
    it(`P46 reads builds of a version with suffix ${suffix}`, async () => {
      const tags = ['1.4.2', '1.4.2-2', '1.4.2-9', '1.4.2-10'];
      for (const tag of tags) await push('quarantine/app', tag);
      await run({ tags: { include: ['.'], suffix } });
      expect(await successors(tags)).to.deep.equal(marks);
    });

  for (const maxParallelImages of [1, 8])
    it(`marks all images of a line except the newest, in whatever order they arrive (${String(maxParallelImages)} at a time)`, async () => {
      for (const tag of ['2.0.0', '3.0.0', '4.0.0']) await push('quarantine/app', tag, LTS);
      for (const tag of ['1.4.0', '1.4.1', '1.4.2']) await push('quarantine/app', tag);
      await run({ maxParallelImages });
      expect(await successors(['2.0.0', '3.0.0', '4.0.0'])).to.deep.equal(['4.0.0', '4.0.0', '']);
      expect(await successors(['1.4.0', '1.4.1', '1.4.2'])).to.deep.equal(['1.4.2', '1.4.2', '']);
    });
});
