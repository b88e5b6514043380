import { expect } from 'chai';
import { Fault } from '../../../../src/core/model/index.ts';
import type { TagSelection } from '../../../../src/core/promotion/schema.ts';
import {
  selectInTime,
  selectTags,
  type SelectElsewhere,
} from '../../../../src/core/promotion/selection/select.ts';

const FROM = { registry: 'registry.example.com', repository: 'shop/web' };
const NOW = new Date('2026-06-15T12:00:00Z');
const specWith = (more: Partial<TagSelection>): TagSelection =>
  ({
    explicit: [],
    semver: ['>=1.0.0'],
    include: [],
    exclude: [],
    suffix: 'Prerelease',
    ...more,
  }) as TagSelection;
const tags = (count: number) => Array.from({ length: count }, (_, n) => `1.${String(n)}.0`);

describe('a selection of tags', () => {
  let jobs = 0;
  beforeEach(() => {
    jobs = 0;
  });
  const elsewhere: SelectElsewhere = (sent) => {
    jobs += 1;
    return Promise.resolve({ ok: true, value: selectTags(structuredClone(sent)) });
  };

  const LARGE: readonly (readonly [string, readonly string[], Partial<TagSelection>])[] = [
    ['of very many tags', tags(600), {}],
    ['by a pattern of any author', tags(2), { include: ['1[.]1[.]'] }],
    ['without what a pattern of any author excludes', tags(2), { exclude: ['1[.]1[.]'] }],
  ];
  for (const [what, present, more] of LARGE)
    it(`M37: ${what} is made elsewhere, with the same result`, async () => {
      const spec = specWith(more);
      const found = await selectInTime(FROM, { present, spec }, elsewhere);
      expect(found).to.deep.equal(await selectInTime(FROM, { present, spec }));
      expect(jobs).to.equal(1);
    });

  it('M37: of few tags without patterns is made here', async () => {
    const found = await selectInTime(FROM, { present: tags(3), spec: specWith({}) }, elsewhere);
    expect(found).to.have.nested.property('value.tags').that.deep.equals(['1.2.0', '1.1.0', '1.0.0']);
    expect(jobs).to.equal(0);
  });

  it('M37: by age is made elsewhere with all that is known of the tags', async () => {
    const candidates = tags(600).map((tag, n) => ({
      tag,
      ...(n % 3 > 0 && { created: new Date(NOW.getTime() - n * 1_000) }),
      ...(n % 2 > 0 && { seen: new Date(0) }),
    }));
    for (const more of [
      { minAge: '1h' },
      { minAge: { duration: '5m', by: 'Claimed' } },
      { newest: { count: 3, by: 'Created' } },
    ] as const) {
      const spec = specWith(more);
      const found = await selectInTime(FROM, { candidates, spec, now: NOW }, elsewhere);
      expect(found).to.deep.equal(await selectInTime(FROM, { candidates, spec, now: NOW }));
    }
    expect(jobs).to.equal(3);
  });

  for (const [failure, code] of [
    ['late', 'DeadlineExceeded'],
    ['exhausted', 'LimitExceeded'],
    ['crashed', 'InternalError'],
  ] as const)
    it(`M37: that no thread makes (${failure}) is a Fault, never a selection of nothing`, async () => {
      const failing: SelectElsewhere = async () => ({ ok: false, failure });
      const selecting = selectInTime(FROM, { present: tags(600), spec: specWith({}) }, failing);
      const error = await selecting.catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(Fault).with.property('code', code);
    });
});
