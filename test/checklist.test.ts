import { expect } from 'chai';
import { checklist, idsIn, testFiles } from './checklist.ts';

describe('docs/security-checklist.md', () => {
  const used = new Set(testFiles().flatMap(idsIn));

  it('has a row for every id that a test carries', () => {
    const known = checklist();
    expect([...used].filter((id) => !known.has(id))).to.deep.equal([]);
  });

  it('has a test for every row', () => {
    expect([...checklist().keys()].filter((id) => !used.has(id))).to.deep.equal([]);
  });
});
