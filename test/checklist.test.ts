import { existsSync, readFileSync } from 'node:fs';
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

describe('docs/security.md', () => {
  const text = readFileSync(new URL('../docs/security.md', import.meta.url), 'utf8');

  it('names ids of the checklist only', () => {
    const known = checklist();
    const named = [...text.matchAll(/`([A-Z]\d{2})`/g)].map(([, id = '']) => id);
    expect(named.length).to.be.greaterThan(100);
    expect(named.filter((id) => !known.has(id))).to.deep.equal([]);
  });

  it('names files of tests that are there', () => {
    const files = [...text.matchAll(/`(test\/[\w/-]+\.test\.ts)`/g)].map(([, path = '']) => path);
    expect(files).to.not.be.empty;
    expect(files.filter((path) => !existsSync(new URL(`../${path}`, import.meta.url)))).to.deep.equal([]);
  });
});
