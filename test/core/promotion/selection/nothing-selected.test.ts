import { expect } from 'chai';
import { nothingSelected, type Looked } from '../../../../src/core/promotion/selection/select.ts';

const from = { registry: 'registry.example.com', repository: 'quarantine/node' };
const NOTHING = 'no tag of registry.example.com/quarantine/node is selected';

describe('the reason why nothing is selected', () => {
  const rows: readonly (readonly [string, Omit<Looked, 'from'>, string])[] = [
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
      expect(nothingSelected({ from, ...looked })).to.equal(NOTHING + said);
    });
});
