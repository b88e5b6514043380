import { expect } from 'chai';
import { cutText, oneLine } from '../../../src/core/model/index.ts';
import { cutBytes } from '../../../src/core/model/text.ts';

describe('a text of bounded bytes', () => {
  const rows: readonly [string, string, number, string][] = [
    ['is as it was when it fits', 'abc', 3, 'abc'],
    ['is cut with an ellipsis', 'abcdefgh', 6, 'abc…'],
    ['counts bytes, not characters', 'äöü', 6, 'äöü'],
    ['keeps characters whole', 'äöüä', 7, 'äö…'],
    ['keeps characters of four bytes whole', '🚢🚢🚢', 8, '🚢…'],
    ['keeps no character that does not fit', '🚢🚢', 6, '…'],
  ];
  for (const [what, text, bytes, expected] of rows) {
    it(what, () => {
      const cut = cutBytes(text, bytes);
      expect(cut).to.equal(expected);
      expect(new TextEncoder().encode(cut).length).to.be.at.most(bytes);
    });
  }
});

describe('a text of bounded characters', () => {
  const rows: readonly [string, string, number, string][] = [
    ['is as it was when it is shorter', 'abc', 4, 'abc'],
    ['is as it was when it just fits', 'abc', 3, 'abc'],
    ['ends with an ellipsis within the bound when it is longer', 'abcd', 3, 'ab…'],
    ['is the ellipsis alone when only one character fits', 'abcd', 1, '…'],
  ];
  for (const [what, text, characters, expected] of rows)
    it(what, () => expect(cutText(text, characters)).to.equal(expected));
});

describe('a text on one line', () => {
  const rows: readonly [string, string, string][] = [
    ['keeps letters, spaces and marks of any script', 'Ünï–code: 船 🚢', 'Ünï–code: 船 🚢'],
    ['has one space for a run of line breaks', 'a\r\n\nb', 'a b'],
    ['has no line separator of Unicode', 'a\u2028b\u2029c', 'a b c'],
    ['has no control character of a terminal', 'a\u001b[31mb', 'a [31mb'],
    ['has no character that turns the direction of writing', 'a\u202eb', 'a b'],
  ];
  for (const [what, text, expected] of rows) it(what, () => expect(oneLine(text)).to.equal(expected));
});
