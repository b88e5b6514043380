import { expect } from 'chai';
import fc from 'fast-check';
import {
  selectByAge,
  selectByName,
  nothingSelected,
} from '../../../../src/core/promotion/selection/select.ts';
import { pathsOf, readTags, valueOf, type Written } from '../../../support/promotions/promotions.ts';

const NOW = new Date('2026-06-15T12:00:00Z');
const daysAgo = (days: number): Date => new Date(NOW.getTime() - days * 24 * 3_600_000);
const byName = (tags: readonly string[], spec: Written) => valueOf(selectByName(tags, readTags(spec)));
const named = (tags: readonly string[], spec: Written) => byName(tags, spec).tags;

const TAGS = [
  'latest',
  '22.0.0',
  '22.1.0',
  'v23.0.0',
  '24.0.0-rc.1',
  '24',
  '25.0.0',
  '22.1.0-alpine',
  'mirror-history',
];

describe('tags selected by name', () => {
  const table: readonly [title: string, spec: Written, expected: readonly string[]][] = [
    ['a range', { semver: ['>=22 <25'] }, ['24', 'v23.0.0', '22.1.0', '22.0.0']],
    ['any of the ranges', { semver: ['22.0.0', '^25'] }, ['25.0.0', '22.0.0']],
    ['a pattern found anywhere', { include: ['alp'] }, ['22.1.0-alpine']],
    ['an anchored pattern', { include: ['^l.*t$'] }, ['latest']],
    ['any of the patterns', { include: ['^latest$', '^25'] }, ['25.0.0', 'latest']],
    ['range and pattern both', { semver: ['*'], include: ['^22'] }, ['22.1.0', '22.0.0']],
    ['less what is excluded', { semver: ['>=22 <25'], exclude: ['^v', '0$'] }, ['24']],
    ['explicit ones besides', { semver: ['25.0.0'], explicit: ['latest'] }, ['25.0.0', 'latest']],
    ['explicit ones alone', { explicit: ['22.0.0', 'latest'] }, ['22.0.0', 'latest']],
    ['all, where newest chooses', { newest: { count: 1 }, exclude: ['[^0-9]'] }, ['24']],
    ['never the books', { include: ['.'], exclude: ['^[^m]'] }, []],
  ];
  for (const [title, spec, expected] of table) {
    it(`by ${title}`, () => expect(named(TAGS, spec)).to.deep.equal(expected));
  }

  it('are in a range with the suffix of a build only where it is read so', () => {
    const spec = { semver: ['>=1.2 <2'] };
    expect(named(['1.2.3', '1.2.3-2', '1.2.3-rc2'], spec)).to.deep.equal(['1.2.3']);
    expect(named(['1.2.3', '1.2.3-2', '1.2.3-rc2'], { ...spec, suffix: 'Newer' })).to.have.members([
      '1.2.3',
      '1.2.3-2',
    ]);
  });

  it('report explicit tags that do not exist, or are excluded', () => {
    expect(byName(TAGS, { explicit: ['22.0.0', '1.0.0', 'latest'], exclude: ['latest'] })).to.deep.equal({
      tags: ['22.0.0'],
      leftOut: [
        { tag: '1.0.0', why: 'Missing' },
        { tag: 'latest', why: 'Excluded' },
      ],
      passedOver: [
        ...['22.1.0', 'v23.0.0', '24.0.0-rc.1', '24', '25.0.0', '22.1.0-alpine'].map((tag) => ({
          tag,
          why: 'NotSelected',
        })),
        { tag: 'mirror-history', why: 'Reserved' },
      ],
    });
  });

  it('and all others are accounted for once, each with why it is not taken', () => {
    for (const spec of [
      { semver: ['^22'], exclude: ['alpine', '^v'] },
      { explicit: ['24'] },
      { include: ['.'] },
    ]) {
      const { tags, leftOut, passedOver } = byName(TAGS, spec);
      const all = [...tags, ...[...leftOut, ...passedOver].map(({ tag }) => tag)];
      expect(all.toSorted()).to.deep.equal(TAGS.toSorted());
    }
    expect(byName(TAGS, { semver: ['^22'], exclude: ['^v'] }).passedOver).to.deep.include.members([
      { tag: 'v23.0.0', why: 'Excluded' },
      { tag: '25.0.0', why: 'NotSelected' },
      { tag: 'mirror-history', why: 'Reserved' },
    ]);
  });

  it('have every problem reported, each with its path', () => {
    const tags = {
      ...readTags({ explicit: ['a'] }),
      semver: ['*', '>>'],
      include: ['('],
      exclude: ['a', '\\1'],
    };
    expect(pathsOf(selectByName([], tags))).to.deep.equal(['semver[1]', 'include[0]', 'exclude[1]']);
  });
});

/** Old enough after three days, by what the image claims. */
const CLAIMED = { duration: '72h', by: 'Claimed' };

describe('tags selected by age', () => {
  const choose = (created: Readonly<Record<string, number | undefined>>, spec: Written) => {
    const candidates = Object.entries(created).map(([tag, days]) => ({
      tag,
      ...(days !== undefined && { created: daysAgo(days) }),
    }));
    const { tags, leftOut } = selectByAge(candidates, readTags(spec), NOW);
    return [tags.join(' '), leftOut.map(({ tag, why }) => `${tag} ${why}`).join(', ')];
  };

  const table: readonly [string, Readonly<Record<string, number | undefined>>, Written, string, string][] = [
    ['all, without a rule', { '1.0.0': 0, a: undefined }, { include: ['.'] }, '1.0.0 a', ''],
    [
      'the highest versions',
      { '1.9.0': 1, '1.10.0': 9, '1.8.0': 0, latest: 0 },
      { include: ['.'], newest: { count: 2 } },
      '1.10.0 1.9.0',
      '1.8.0 NotNewest, latest NotNewest',
    ],
    ...(
      [
        ['Semver', '1.3.0 1.2.0', '20240115 NotNewest, 170531 NotNewest, 2024.2.0 NotNewest'],
        ['Calendar', '20240115 2024.2.0', '170531 NotNewest, 1.3.0 NotNewest, 1.2.0 NotNewest'],
        ['Any', '20240115 170531', '2024.2.0 NotNewest, 1.3.0 NotNewest, 1.2.0 NotNewest'],
      ] as const
    ).map(([scheme, tags, leftOut]): (typeof table)[number] => [
      `years and plain numbers with the scheme ${scheme}`,
      { '1.3.0': 1, '1.2.0': 2, '20240115': 0, '2024.2.0': 0, '170531': 0 },
      { include: ['.'], newest: { count: 2 }, scheme },
      tags,
      leftOut,
    ]),
    [
      'plain numbers where there is nothing else',
      { '15': 1, '16': 2, '9': 0 },
      { include: ['.'], newest: { count: 1 } },
      '16',
      '15 NotNewest, 9 NotNewest',
    ],
    [
      'the last build',
      { '1.2.3': 1, '1.2.3-9': 2, '1.2.3-10': 0 },
      { semver: ['1.2.x'], newest: { count: 1 }, suffix: 'Newer' },
      '1.2.3-10',
      '1.2.3 NotNewest, 1.2.3-9 NotNewest',
    ],
    [
      'the youngest',
      { '1.9.0': 1, '1.10.0': 9, '1.8.0': 0, latest: undefined, next: -1 },
      { include: ['.'], newest: { count: 2, by: 'Created' } },
      '1.9.0 1.8.0',
      '1.10.0 NotNewest, latest AgeUnknown, next AgeUnknown',
    ],
    [
      'those old enough to the millisecond',
      { '1.0.0': 3, '1.1.0': 2.9999, '1.2.0': undefined },
      { semver: ['*'], minAge: CLAIMED },
      '1.0.0',
      '1.2.0 AgeUnknown, 1.1.0 TooYoung',
    ],
    [
      'the newest of those old enough',
      { '1.0.0': 9, '1.1.0': 5, '1.2.0': 1 },
      { semver: ['*'], minAge: CLAIMED, newest: { count: 1 } },
      '1.1.0',
      '1.2.0 TooYoung, 1.0.0 NotNewest',
    ],
    [
      'explicit ones besides the newest',
      { '1.0.0': 9, '1.1.0': 5, '1.2.0': 1 },
      { semver: ['*'], newest: { count: 1 }, explicit: ['1.0.0'] },
      '1.2.0 1.0.0',
      '1.1.0 NotNewest',
    ],
    [
      'explicit ones only if old enough',
      { '1.0.0': 9, '1.1.0': 1 },
      { explicit: ['1.0.0', '1.1.0'], minAge: CLAIMED },
      '1.0.0',
      '1.1.0 TooYoung',
    ],
    [
      'explicit ones of unknown age when only the rank is limited',
      { a: undefined, b: 1 },
      { explicit: ['a'], newest: { count: 1, by: 'Created' } },
      'a b',
      '',
    ],
  ];
  for (const [title, created, spec, tags, leftOut] of table) {
    it(title, () => expect(choose(created, spec)).to.deep.equal([tags, leftOut]));
  }
});

describe('laws of selection', () => {
  const tag = fc.stringMatching(/^[0-3](\.[0-3]){0,2}(-(rc|alpine))?$|^[a-c]{1,2}$/);
  const tags = fc.uniqueArray(tag, { maxLength: 12 });
  const pattern = fc.constantFrom('^1', '0$', '[ab]', '-rc', '.');
  const spec = fc.record(
    {
      semver: fc.array(fc.constantFrom('*', '>=1 <3', '>=0.0.0-0', '~2'), { maxLength: 2 }),
      include: fc.array(pattern, { minLength: 1, maxLength: 2 }),
      exclude: fc.array(pattern, { maxLength: 1 }),
      explicit: fc.uniqueArray(tag, { maxLength: 3 }),
      newest: fc.record({ count: fc.integer({ min: 1, max: 4 }), by: fc.constantFrom('Semver', 'Created') }),
      minAge: fc.constantFrom(...['24h', '72h'].map((duration) => ({ duration, by: 'Claimed' }))),
    },
    { requiredKeys: ['include'] },
  );
  const ages = fc.dictionary(tag, fc.integer({ min: 0, max: 6 }));
  const all = (present: readonly string[], written: Written, days: Readonly<Record<string, number>>) =>
    selectByAge(
      named(present, written).map((one) => ({
        tag: one,
        ...(days[one] !== undefined && { created: daysAgo(days[one]) }),
      })),
      readTags(written),
      NOW,
    ).tags;

  it('the order of the tags does not matter', () => {
    fc.assert(
      fc.property(tags, spec, ages, (present, written, days) => {
        const forth = all(present, written, days);
        expect(all([...present].reverse(), written, days)).to.deep.equal(forth);
        expect(all([...present, ...present], written, days)).to.deep.equal(forth);
      }),
    );
  });

  it('a further exclude never adds a tag, and no excluded tag is ever chosen', () => {
    fc.assert(
      fc.property(tags, spec, ages, pattern, (present, written, days, more) => {
        const stricter = { ...written, exclude: [...(written.exclude ?? []), more] };
        expect(named(present, written)).to.include.members([...named(present, stricter)]);
        expect(all(present, stricter, days).filter((one) => new RegExp(more).test(one))).to.deep.equal([]);
      }),
    );
  });

  it('every chosen tag exists and is chosen once, and newest limits all but the explicit ones', () => {
    fc.assert(
      fc.property(tags, spec, ages, (present, written, days) => {
        const chosen = all(present, written, days);
        expect(present).to.include.members([...chosen]);
        expect(new Set(chosen).size).to.equal(chosen.length);
        const ranked = chosen.filter((one) => !(written.explicit ?? []).includes(one));
        expect(ranked.length).to.be.at.most(written.newest?.count ?? Infinity);
      }),
    );
  });
});

const from = { registry: 'registry.example.com', repository: 'quarantine/node' };
const NOTHING = 'no tag of registry.example.com/quarantine/node is selected';

describe('the reason why nothing is selected', () => {
  const rows: readonly (readonly [
    string,
    { readonly listed?: number; readonly leftOut: Parameters<typeof nothingSelected>[1] },
    string,
  ])[] = [
    ['names the number of tags', { listed: 12, leftOut: [] }, ': the repository lists 12 tags'],
    ['counts one', { listed: 1, leftOut: [] }, ': the repository lists 1 tag'],
    [
      'mentions that a name may be mistyped when there is no tag',
      { listed: 0, leftOut: [] },
      ': the repository lists no tag at all; it is empty, or its name is mistyped',
    ],
    [
      'reports what was left out, each why once',
      {
        listed: 3,
        leftOut: [
          { tag: '1', why: 'TooYoung' },
          { tag: '2', why: 'TooYoung' },
          { tag: '3', why: 'Excluded' },
        ],
      },
      ': the repository lists 3 tags, 3 left out as TooYoung, Excluded',
    ],
    [
      'mentions no list when none was read',
      { leftOut: [{ tag: '1', why: 'Excluded' }] },
      ', 1 left out as Excluded',
    ],
  ];
  for (const [what, looked, said] of rows)
    it(what, () => {
      expect(nothingSelected(from, looked.leftOut, looked.listed)).to.equal(NOTHING + said);
    });
});
