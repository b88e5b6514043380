import { expect } from 'chai';
import { parsePromotion, type PlannedImage } from '../../../src/core/promotion/index.ts';
import { runStatusSchema } from '../../../src/core/promotion/schema/run.ts';
import { openProgress, planProgress } from '../../../src/controllers/promotions/status/run-progress.ts';
import { changesOf } from '../../../src/controllers/promotions/changes.ts';
import { knownAtTarget, watchExceptions } from '../../../src/controllers/promotions/reassess.ts';
import { watchersBySource } from '../../../src/controllers/events/trigger.ts';
import { digestOfLetter, promotionDocument, valueOf } from '../../support/promotions/promotions.ts';
import { compileRoutes } from '../../../src/core/promotion/index.ts';
import { promotionDocument as promotionObject, runObject } from './fixture.ts';

const digest = digestOfLetter('a') as `sha256:${string}`;
const at = (name: string): string => `registry.example.com/quarantine/${name}`;
const moving = (repository: string, tag = '1.0.0'): PlannedImage => ({
  ...{ repository, tag, digest, expected: digest },
  action: 'Move',
});
const planned = (images: readonly PlannedImage[]) => {
  const repositories = [...new Set(images.map(({ repository = '' }) => repository))].map((from) => ({
    from,
    to: from,
  }));
  const read = planProgress({ state: 'planned', images, repositories });
  if (!read.ok) throw new Error(read.reason.detail);
  return read.progress;
};
const result = (repository: string, tag = '1.0.0') => ({
  ...({ repository, tag, digest, decision: 'Promoted', bytes: 0 } as const),
  blobs: { mounted: 0, copied: 0, skipped: 0 },
  attachments: { found: 0, carried: 0, leftByRule: 0 },
});

describe('the status of a run from many repositories', () => {
  it('has a row for the same tag of each repository, and continues with each', () => {
    const progress = planned([moving(at('node')), moving(at('web'))]);
    const { plan, ...stored } = progress.fields();
    expect(plan).to.deep.include({ candidates: 2, work: 2, repositories: 2 });
    expect(runStatusSchema.safeParse({ plan, ...stored }).success).to.equal(true);
    const next = openProgress({ plan, ...stored }, plan);
    expect(next.pins().map((pin) => pin.planned.repository)).to.deep.equal([at('node'), at('web')]);
    next.record(result(at('web')));
    expect(next.pins().map((pin) => pin.planned.repository)).to.deep.equal([at('node')]);
    next.record(result(at('node')));
    expect(next.fields())
      .to.deep.include({ pending: undefined })
      .and.nested.include({ 'counts.promoted': 2 });
    expect(next.fields().images.map(({ repository }) => repository)).to.deep.equal([at('web'), at('node')]);
  });

  it('P42 leaves to the next run what one object of etcd has no room for', () => {
    const deep = (n: number): string => at(`${'deep/'.repeat(40)}r${String(n % 500)}`);
    const images = Array.from({ length: 6_000 }, (_, n) => moving(deep(n), `1.0.${String(n)}`));
    const fields = planned(images).fields();
    expect(JSON.stringify(fields).length).to.be.below(1_100_000);
    expect(runStatusSchema.safeParse(fields).success).to.equal(true);
    const left = fields.images.filter(({ reason }) => reason === 'LimitExceeded');
    expect(left[0]).to.include({ decision: 'Failed', transient: true });
    expect((fields.pending?.length ?? 0) + fields.counts.failed).to.equal(6_000);
  });

  it('names the repository in events, so that the same tag of two of them is not one image', () => {
    const images = [result(at('node')), result(at('web'))].map(({ repository, tag, decision }) => ({
      ...{ repository, tag, decision, source: digest },
    }));
    const run = { ...runObject({}, 'run-1', 0), status: { images, completionTime: '2026-11-28T12:00:00Z' } };
    const promotion = promotionObject();
    const first = changesOf(promotion, {}, run);
    expect(first.events.map(({ note }) => note.split(' ')[0])).to.deep.equal([
      `${at('node')}:1.0.0`,
      `${at('web')}:1.0.0`,
    ]);
    expect(changesOf(promotion, { told: [...first.reported] }, run).events).to.deep.equal([]);
    const until = '2026-12-31T00:00:00Z';
    const watched = watchExceptions(
      { exceptions: [{ repository: at('node'), tag: '1.0.0', digest, until }] },
      [{ ...images[1], tag: '1.0.0', decision: 'Promoted', exceptionsUntil: until }],
    );
    expect(watched.exceptions).to.have.length(2);
    expect(knownAtTarget(watched, []).map(({ repository }) => repository)).to.have.members([
      at('node'),
      at('web'),
    ]);
  });
});

describe('an event of a registry', () => {
  it('triggers a promotion that takes from many repositories for each of them, and for no other', () => {
    const source = { repositories: [{ from: at('*'), exclude: [at('scratch')] }, { from: 'a.example/web' }] };
    const { spec } = valueOf(parsePromotion(promotionDocument({ source })));
    const { routeOf } = valueOf(compileRoutes(spec));
    const find = watchersBySource([
      { key: 'a/many', sources: [], covers: (from) => routeOf(from) !== undefined },
      { key: 'a/one', sources: [at('node')] },
    ]);
    const matches = (registry: string, repository: string) => find({ registry, repository, tag: '1' });
    expect(matches('registry.example.com', 'quarantine/node')).to.have.members(['a/one', 'a/many']);
    expect(matches('registry.example.com', 'quarantine/scratch')).to.deep.equal([]);
    expect(matches('registry.example.com', 'quarantine/a/b')).to.deep.equal([]);
    expect(matches('a.example', 'web')).to.deep.equal(['a/many']);
  });
});
