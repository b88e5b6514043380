import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { forbiddenWords, longSentences } from './words.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('The word check', () => {
  const paths = globSync(['*.md', '{docs,charts,crds,manifests,.ci,bench,demo,src,test}/**/*.*', '.ci/run'], {
    cwd: root,
  });
  const tree = new Map(paths.map((path) => [path, readFileSync(`${root}${path}`, 'utf8')]));
  const printed = (found: readonly { path: string; line: number; message: string }[]) =>
    found.map(({ path, line, message }) => `${path}:${String(line)} ${message}`).join('\n');

  it('finds only words of the field in what users read', () => {
    expect(printed(forbiddenWords(tree))).to.equal('');
  });

  it('finds no sentence of the docs that is too long', () => {
    expect(printed(longSentences(tree))).to.equal('');
  });

  it('finds forbidden words in names, comments and text, and names the replacement', () => {
    const made = new Map([
      ['src/core/policy/a.ts', 'const toldOf = 1;\n// Nobody knows.\n'],
      ['docs/a.md', `The image comes ashore. ${'word '.repeat(31)}end.\n`],
    ]);
    expect(forbiddenWords(made).map(({ path, line }) => `${path}:${String(line)}`)).to.deep.equal([
      'src/core/policy/a.ts:1',
      'src/core/policy/a.ts:2',
      'docs/a.md:1',
    ]);
    expect(forbiddenWords(made)[0]?.message).to.equal('says "told": write report, notify, log, message');
    expect(longSentences(made)).to.have.length(1);
  });
});
