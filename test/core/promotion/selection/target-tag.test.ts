import { expect } from 'chai';
import { sourceTagsOf, targetTagOf } from '../../../../src/core/promotion/selection/reserved-tags.ts';
import { readPins, pendingImage } from '../../../../src/controllers/promotions/run/pins.ts';
import {
  openPromotionFixture,
  type PromotionFixture,
} from '../../../support/promotions/promotion-fixture.ts';
import { QUARANTINE_TYPE } from '../../../../src/core/promotion/records/marks.ts';
import { pushImage, pushReferrer, type Pushed } from '../../../support/registry/push.ts';

const hex = 'a'.repeat(64);

describe('the name of a tag at the target', () => {
  const named = (template: string | undefined, tag: string): string => {
    const at = targetTagOf(template, tag);
    return at.ok ? at.value : (at.problems[0]?.message ?? '');
  };

  it('is made from that at the source', () => {
    expect(named(undefined, 'v1.2')).to.equal('v1.2');
    expect(named('{tag}-acme', 'v1.2')).to.equal('v1.2-acme');
    expect(named('acme_{tag}', '1.2')).to.equal('acme_1.2');
    expect(named('{version}', 'v1.2')).to.equal('1.2');
    expect(named('{version}-acme', 'version')).to.equal('version-acme');
    expect(named('v{version}', 'v1.2')).to.equal('v1.2');
  });

  it('is none where it would be too long', () => {
    expect(named('{tag}-acme', 'x'.repeat(123))).to.have.length(128);
    expect(named('{tag}-acme', 'x'.repeat(124))).to.include('longer than 128');
  });

  for (const [template, tag] of [
    ['sha256-{tag}', hex],
    ['sha256-{tag}.sig', hex],
    ['s{tag}', `ha256-${hex}.att`],
    ['{tag}.sbom', `sha256-${hex}`],
    ['mirror-{tag}', 'history'],
    ['pratique-first-{tag}', 'seen'],
    ['{version}-history', 'mirror'],
    ['x{tag}', `.replaced-${'a'.repeat(12)}`],
  ] as const)
    it(`P47 is never a tag of signatures or records: ${template} of ${tag.slice(0, 20)}`, () => {
      expect(named(template, tag)).to.include('signatures or records');
    });

  it('leads back to the tags of which it may have come', () => {
    expect(sourceTagsOf(undefined, '1.2')).to.deep.equal(['1.2']);
    expect(sourceTagsOf('{tag}-acme', '1.2-acme')).to.deep.equal(['1.2']);
    expect(sourceTagsOf('{tag}-acme', '1.2')).to.deep.equal([]);
    expect(sourceTagsOf('{tag}-acme', '-acme')).to.deep.equal([]);
    expect(sourceTagsOf('v{version}', 'v1.2')).to.deep.equal(['1.2', 'v1.2']);
    expect(sourceTagsOf('aa{tag}a', 'aaa')).to.deep.equal([]);
  });
});

describe('promotions that name tags otherwise', () => {
  let fixture: PromotionFixture;
  const place = (repository: string, tag?: string) => ({ registry: fixture.registry.host, repository, tag });
  const spec = (more: Readonly<Record<string, unknown>> = {}) => ({
    source: { repository: `${fixture.registry.host}/quarantine/web` },
    target: { repository: `${fixture.registry.host}/golden/web` },
    tags: { newest: { count: 50 } },
    targetTag: '{version}-acme',
    promote: {},
    ...more,
  });
  const push = (tag: string): Promise<Pushed> => pushImage(place('quarantine/web', tag), { salt: tag });
  const tagsAt = async (repository: string): Promise<readonly string[]> => {
    const { registry } = fixture.context;
    const view = registry.as({ scope: '', keychain: () => Promise.resolve(undefined) });
    return (await view.tags(place(repository), AbortSignal.timeout(10_000))) ?? [];
  };
  beforeEach(async () => {
    fixture = await openPromotionFixture();
  });
  afterEach(() => fixture.close());

  it('write that tag and no other, and find it up to date the next time', async () => {
    const { digest } = await push('v1.2.3');
    const first = await fixture.run({ spec: spec() });
    expect(first.planned).to.deep.equal([
      { tag: 'v1.2.3', targetTag: '1.2.3-acme', digest, expected: digest, action: 'Move' },
    ]);
    expect(first.results.map((one) => [one.decision, one.targetTag])).to.deep.equal([
      ['Promoted', '1.2.3-acme'],
    ]);
    expect(await tagsAt('golden/web')).to.deep.equal(['1.2.3-acme']);
    const again = await fixture.run({ spec: spec() });
    expect(again.planned.map(({ action }) => action)).to.deep.equal(['UpToDate']);
  });

  it('report two images that would get one tag, and promote neither; the others go on', async () => {
    for (const tag of ['v1.2.3', '1.2.3', '1.2.4']) await push(tag);
    const { results } = await fixture.run({ spec: spec() });
    const rows = Object.fromEntries(results.map((one) => [one.tag, [one.decision, one.reason]]));
    expect(rows).to.deep.equal({
      'v1.2.3': ['Failed', 'InvalidPromotion'],
      '1.2.3': ['Failed', 'InvalidPromotion'],
      '1.2.4': ['Promoted', undefined],
    });
    expect(results.find(({ tag }) => tag === '1.2.3')?.message).to.include(
      '1.2.3-acme, as v1.2.3: leave one of them out',
    );
    expect(await tagsAt('golden/web')).to.deep.equal(['1.2.4-acme']);
  });

  it('keep the image that loses the tag under a backup of that tag', async () => {
    await push('1.0');
    await fixture.run({ spec: spec() });
    await pushImage(place('quarantine/web', '1.0'), { salt: 'other' });
    const { planned } = await fixture.run({ spec: spec({ onTagExists: 'Backup' }) });
    const [row] = planned;
    expect(row?.action === 'Move' && row.backup).to.match(/^1\.0-acme\.replaced-/);
    expect(await tagsAt('golden/web')).to.have.members([
      '1.0-acme',
      row?.action === 'Move' ? row.backup : '',
    ]);
    const pin = row?.action === 'Move' && pendingImage({ planned: row });
    expect(pin && readPins({ pending: [pin] })[0]?.planned).to.deep.equal(row);
  });

  it('mirror under it, with the name in the history', async () => {
    const { digest } = await push('1.0');
    const mirror = { quarantine: true };
    const { results } = await fixture.run({
      spec: spec({ promote: undefined, mirror, targetTag: 'up-{tag}' }),
    });
    expect(results.map(({ decision }) => decision)).to.deep.equal(['Mirrored']);
    expect(await tagsAt('golden/web')).to.include('up-1.0');
    const again = await fixture.run({ spec: spec({ promote: undefined, mirror, targetTag: 'up-{tag}' }) });
    expect(again.planned.map((one) => [one.action, one.digest])).to.deep.equal([['UpToDate', digest]]);
    for (const [force, decision] of [
      [false, 'Skipped'],
      [true, 'Mirrored'],
    ] as const) {
      const other = spec({
        promote: undefined,
        mirror: { quarantine: true, force },
        targetTag: 'other-{tag}',
      });
      const renamed = await fixture.run({ spec: other });
      expect(renamed.results.map((one) => one.decision)).to.deep.equal([decision]);
    }
    expect(await tagsAt('golden/web')).to.include.members(['up-1.0', 'other-1.0']);
  });

  it('delete the source once the target has it under that tag, with two tags of one digest', async () => {
    const subject = await push('1.0');
    await pushReferrer(place('quarantine/web'), { subject, artifactType: 'application/vnd.acme.sbom' });
    await pushImage(place('quarantine/web', 'stable'), { salt: '1.0' });
    const { results } = await fixture.run({
      spec: spec({
        promote: { deleteSource: true },
        targetTag: 'x-{tag}',
        tags: { explicit: ['1.0', 'stable'] },
      }),
    });
    expect(results.map(({ decision, message }) => [decision, message])).to.deep.equal([
      ['Promoted', undefined],
      ['Promoted', undefined],
    ]);
    expect(await tagsAt('golden/web')).to.have.members(['x-1.0', 'x-stable']);
    expect(await tagsAt('quarantine/web')).to.deep.equal([]);
  });

  const marksOf = async (tag: string): Promise<number> => {
    const { registry } = fixture.context;
    const view = registry.as({ scope: '', keychain: () => Promise.resolve(undefined) });
    const signal = AbortSignal.timeout(10_000);
    const digest = await view.tagDigest(place('golden/web', tag), signal);
    if (digest === undefined) throw new Error(`no ${tag}`);
    return (await view.referrers({ ...place('golden/web'), digest }, signal)).length;
  };
  const promote = { supersede: { endOfLifeAfter: '24h' } };

  it('end the life of older images by the names at the target', async () => {
    for (const tag of ['v1.2.3', 'v1.2.4']) await push(tag);
    await fixture.run({ spec: spec({ promote, targetTag: '{version}' }) });
    expect(await marksOf('1.2.3')).to.equal(1);
  });

  for (const [targetTag, older, newer, suffix] of [
    ['acme-{tag}', '1.2.3', '1.2.4', 'Prerelease'],
    ['{version}_acme', 'v1.2.3', 'v1.2.4', 'Prerelease'],
    ['{tag}-acme', '1.2.3-r5', '1.2.3-r6', 'Newer'],
  ] as const)
    it(`end the life of older images also where their name at the target is no version: ${targetTag}`, async () => {
      for (const tag of [older, newer]) await push(tag);
      const tags = { newest: { count: 50 }, suffix };
      await fixture.run({ spec: spec({ promote, targetTag, tags }) });
      const at = (tag: string): string => {
        const named = targetTagOf(targetTag, tag);
        return named.ok ? named.value : '';
      };
      expect([await marksOf(at(older)), await marksOf(at(newer))]).to.deep.equal([1, 0]);
    });

  it('end the life of what an earlier template named otherwise where both are versions of one line', async () => {
    await push('1.2.3');
    await fixture.run({ spec: spec({ promote, targetTag: '{tag}' }) });
    await pushImage(place('golden/web', '1.2.2-alpine'), { salt: 'another variant' });
    await push('1.2.4');
    await fixture.run({ spec: spec({ promote, targetTag: 'v{tag}', tags: { explicit: ['1.2.4'] } }) });
    expect([await marksOf('1.2.3'), await marksOf('1.2.2-alpine')]).to.deep.equal([1, 0]);
    await push('1.2.5');
    await fixture.run({ spec: spec({ promote, targetTag: '{tag}-slim', tags: { explicit: ['1.2.5'] } }) });
    expect(await marksOf('v1.2.4')).to.equal(0);
  });

  it('find what a run that was killed has left of a source, whichever form of the tag that had', async () => {
    const tags = { newest: { count: 50 } };
    const more = { promote: { deleteSource: true }, targetTag: '{version}', tags };
    const at = place('quarantine/web');
    const left = await push('v1.0.0');
    await pushReferrer(at, { subject: left, artifactType: QUARANTINE_TYPE });
    await fixture.run({ spec: spec({ ...more, promote: {} }) });
    // More images than are looked up in one run: each is there under the form that the source does not use.
    for (let n = 1; n <= 25; n += 1) await push(`v1.1.${String(n)}`);
    await fixture.run({ spec: spec({ ...more, promote: {} }) });
    await fetch(`http://${at.registry}/v2/quarantine/web/manifests/${left.digest}`, { method: 'DELETE' });
    const referrers = async (): Promise<number> => {
      const found = await fetch(`http://${at.registry}/v2/quarantine/web/referrers/${left.digest}`);
      return ((await found.json()) as { readonly manifests: readonly unknown[] }).manifests.length;
    };
    expect(await referrers()).to.equal(1);
    await fixture.run({ spec: spec({ ...more, tags: { newest: { count: 1 } } }) });
    expect(await referrers()).to.equal(0);
  });
});
