import { expect } from 'chai';
import { cutBytes } from '../../../src/core/model/text.ts';

describe('a text of bounded bytes', () => {
  const rows: readonly [string, string, number, string][] = [
    ['is as it was when it fits', 'abc', 3, 'abc'],
    ['is cut with an ellipsis', 'abcdefgh', 6, 'abc…'],
    ['counts bytes, not characters', 'äöü', 6, 'äöü'],
    ['keeps characters whole', 'äöüä', 7, 'äö…'],
    ['keeps characters of four bytes whole', '🚢🚢🚢', 8, '🚢…'],
  ];
  for (const [what, text, bytes, expected] of rows) {
    it(what, () => {
      const cut = cutBytes(text, bytes);
      expect(cut).to.equal(expected);
      expect(new TextEncoder().encode(cut).length).to.be.at.most(bytes);
    });
  }
});
